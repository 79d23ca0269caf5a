# SPDX-License-Identifier: Apache-2.0
"""Times the metrics after encoding: python benchmarks/evaluation.py [images latents].

Codes of a made-up encoder with dependent latents, so no model is needed. Prints seconds
per metric and their sum, and the seconds for drawing and encoding the same number of
images of the rendered Shapes3D with the paper's encoder if --model_dir names a module.
With --representation, a folder of dlib_postprocess, also prints how many times as much
processor time (user and system, of all threads) metrics of the library take by the
stock path, scikit-learn's boosted trees among it, as by codes that are looked up; both
in turn, in one process. --points=0.1 takes a tenth of the study's points. Set
TF_ENABLE_ONEDNN_OPTS=1 as dlib_evaluate does.
"""

import argparse
import os
import re
import tempfile
import time

import numpy as np
from disentanglement_lib.data.ground_truth import named_data  # noqa: F401, for gin

from rtc_plugin.data.ground_truth.shapes3d_rendered import Shapes3DRendered
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import metrics
from rtc_plugin.measures import codes_from_array
from rtc_plugin.runs import open_signature

METRICS = [
    metrics.compute_tc_disparity,
    metrics.compute_tc_nongaussian,
    metrics.compute_elbo_decomposition,
    metrics.compute_factor_disintegration,
    metrics.compute_conditional_independence,
    metrics.compute_mig_variants,
    metrics.compute_infomec,
]
IN_RTC_METRICS = 5

# At the study's sizes; with the first, the table is made.
ON_A_TABLE = {
    "factor_vae_score": [
        "factor_vae_score.batch_size = 64",
        "factor_vae_score.num_train = 10000",
        "factor_vae_score.num_eval = 5000",
        "factor_vae_score.num_variance_estimate = 10000",
        "prune_dims.threshold = 0.05",
    ],
    "mig": [
        "mig.num_train = 10000",
        "discretizer.discretizer_fn = @histogram_discretizer",
        "discretizer.num_bins = 20",
    ],
    "dci": ["dci.num_train = 10000", "dci.num_test = 5000"],
    "downstream_task": [
        "downstream_task.num_train = [10000]",
        "downstream_task.num_test = 5000",
        "predictor.predictor_fn = @gradient_boosting_classifier",
    ],
}
STOCK = ["evaluation_codes.table = False", "scores.boosted_trees = 'scikit-learn'"]


def time_evaluation(representation, metric, bindings):
    """Returns the processor seconds of an evaluation by the library."""
    from disentanglement_lib.evaluation import evaluate

    bindings = [
        *bindings,
        f"evaluation.evaluation_fn = @{metric}",
        "evaluation.random_seed = 0",
        "evaluation_codes.save = False",
        "dataset.name = 'auto'",
    ]
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        evaluate.evaluate_with_gin(
            representation, os.path.join(folder, "out"), False, [], bindings
        )
        return time.process_time() - start


def fewer(bindings, share):
    """Returns bindings with a share of the points that they draw."""

    def scale(match):
        return str(max(10, round(share * int(match[0]))))

    scaled = re.compile(r"\.num_(train|test|eval)")
    return [
        re.sub(r"\d+", scale, line) if scaled.search(line) else line
        for line in bindings
    ]


def compare_with_stock(representation, share):
    """Prints processor seconds by a table, by the stock path, and their ratio."""
    # What is loaded, or compiled, once is no part of either.
    for metric in ("mig", "dci"):
        time_evaluation(representation, metric, fewer(ON_A_TABLE[metric], 0.01))
    for metric, bindings in ON_A_TABLE.items():
        bindings = fewer(bindings, share)
        stock = time_evaluation(representation, metric, [*bindings, *STOCK])
        table = time_evaluation(representation, metric, bindings)
        print(
            f"{metric:26}{table:8.2f} s{stock:8.2f} s stock{stock / table:6.1f} x",
            flush=True,
        )


def make_codes(data, num_samples, num_latent):
    """Returns codes that mix the factors, with noise."""
    random_state = np.random.RandomState(0)
    factors = data.sample_factors(num_samples, random_state)
    mixing = random_state.normal(size=(factors.shape[1], num_latent))
    z_mean = np.tanh((factors - factors.mean(0)) / factors.std(0) @ mixing / 2)
    z_mean += 0.05 * random_state.normal(size=z_mean.shape)
    z_logvar = np.broadcast_to(np.linspace(-5, 0, num_latent), z_mean.shape)
    return codes_from_array(np.stack([z_mean, z_logvar], axis=1), factors)


def main():
    """Prints the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("num_samples", type=int, nargs="?", default=5000)
    parser.add_argument("num_latent", type=int, nargs="?", default=10)
    parser.add_argument("--model_dir")
    parser.add_argument("--representation")
    parser.add_argument("--points", type=float, default=1.0)
    arguments = parser.parse_args()
    data = Shapes3DRendered()
    if arguments.model_dir:
        with open_signature(arguments.model_dir, "gaussian_encoder") as encode:
            encode(dict(images=data.sample_observations(2, np.random.RandomState(0))))
            start = time.perf_counter()
            codes_lib.encode(
                data,
                lambda images: encode(dict(images=images))["mean"],
                np.random.RandomState(0),
                num_samples=arguments.num_samples,
            )
        print(f"{'encoding':26}{time.perf_counter() - start:8.2f} s")
    if arguments.representation:
        compare_with_stock(arguments.representation, arguments.points)
    codes = make_codes(data, arguments.num_samples, arguments.num_latent)
    seconds = []
    for metric in METRICS:
        start = time.perf_counter()
        metric(data, None, np.random.RandomState(0), codes=codes)
        seconds.append(time.perf_counter() - start)
        name = metric.__name__.replace("compute_", "")
        print(f"{name:26}{seconds[-1]:8.2f} s", flush=True)
    total = sum(seconds[:IN_RTC_METRICS])
    print(f"{'rtc_metrics, the first 5':26}{total:8.2f} s")


if __name__ == "__main__":
    main()
