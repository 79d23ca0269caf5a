# SPDX-License-Identifier: Apache-2.0
"""The estimators on a trained model, against the exact value.

The aggregated posterior of a model over N images is a mixture of N Gaussians, so its
total correlation is known up to a Monte-Carlo error that is known too. Each estimator
sees batches of the same encodings.
"""

import os
import time

import gin.tf
import numpy as np
import pandas as pd
import tqdm
from disentanglement_lib.data.ground_truth import named_data

from rtc_plugin import total_correlation
from rtc_plugin.errors import UserError
from rtc_plugin.estimators import cells as cells_lib
from rtc_plugin.estimators import study as study_lib
from rtc_plugin.evaluation import codes
from rtc_plugin.runs import open_signature, read_training
from rtc_plugin.visualize import estimators as figures

BATCH_SIZES = (64, 256, 1024)
DATASET_SIZES = (1000, 10000, None)  # None is the whole data set.
ESTIMATORS = (
    *total_correlation.ESTIMATORS,
    *cells_lib.SAMPLE_ESTIMATORS,
    cells_lib.DENSITY_RATIO,
)


class EncodedDataset:
    """The aggregated posterior of N encodings, to draw from.

    Args:
        z_mean: [dataset_size, num_latent], means of the encodings.
        z_logvar: [dataset_size, num_latent], log variances of the encodings.
    """

    def __init__(self, z_mean, z_logvar):
        self.z_mean, self.z_logvar = z_mean, z_logvar
        self.center = z_mean.mean(axis=0)
        self.scale = np.sqrt(z_mean.var(axis=0) + np.exp(z_logvar).mean(axis=0))

    def draw(self, random, batch_size):
        """Draws a batch: z, z_mean, z_logvar, each [batch_size, num_latent].

        The images differ from one another, as in training, unless the batch is larger
        than the data set.
        """
        size = len(self.z_mean)
        index = random.choice(size, batch_size, replace=batch_size > size)
        return self._encode(random, self.z_mean[index], self.z_logvar[index])

    def draw_independent(self, random, batch_size):
        """Draws [batch_size, num_latent] codes from the product of the marginals."""
        shape = (batch_size, self.z_mean.shape[1])
        index = random.integers(len(self.z_mean), size=shape)
        return self._encode(
            random,
            np.take_along_axis(self.z_mean, index, axis=0),
            np.take_along_axis(self.z_logvar, index, axis=0),
        )[0]

    def _encode(self, random, z_mean, z_logvar):
        noise = random.standard_normal(z_mean.shape)
        return z_mean + np.exp(0.5 * z_logvar) * noise, z_mean, z_logvar


def run(
    model_dir,
    output_dir,
    batch_sizes=None,
    dataset_sizes=None,
    estimators=None,
    repetitions=None,
    num_samples=5000,
    seed=0,
    discriminator_steps=1000,
):
    """Encodes a model's data set, compares the estimators, writes table and figure.

    Below output_dir: `results.csv` and `results.parquet` with the columns of the study
    (`tc_sample_true` is the exact value; `tc_mean_true` is Proposition 1 on the means,
    as nothing better is finite), `on_model.png` and `.svg`, `on_model.md`.

    Args:
        model_dir: Folder that `dlib_train` wrote.
        output_dir: Folder, made if missing.
        batch_sizes: B; those above N are left out. `BATCH_SIZES` by default.
        dataset_sizes: N; random subsets of the images. By default 1000, 10000 and all.
        estimators: Names from `ESTIMATORS`, which is the default.
        repetitions: Batches for each B and N; 20 by default.
        num_samples: Draws of z for the exact value.
        seed: Of everything random.
        discriminator_steps: Training budget of the density ratio.

    Returns:
        DataFrame of the rows.

    Raises:
        UserError: No model there, an unknown estimator, sizes out of range.
    """
    estimators = ESTIMATORS if estimators is None else tuple(estimators)
    for name in estimators:
        if name not in ESTIMATORS:
            raise UserError(
                f"--estimators {name}: choose from {', '.join(ESTIMATORS)}."
            )
    batch_sizes = batch_sizes or BATCH_SIZES
    if min(batch_sizes) < 2:
        raise UserError(f"--batch_sizes {min(batch_sizes)}: at least 2.")
    os.makedirs(output_dir, exist_ok=True)
    sizes = dataset_sizes or DATASET_SIZES
    z_mean, z_logvar = encode_model(model_dir, max_images(sizes), seed)
    sizes = sorted({min(size or len(z_mean), len(z_mean)) for size in sizes})
    if sizes[0] < min(batch_sizes):
        raise UserError(f"--dataset_size {sizes[0]}: smaller than any batch.")
    rows = []
    order = np.random.default_rng([seed, 0]).permutation(len(z_mean))
    for size in tqdm.tqdm(sizes, desc="on_model", unit="data set"):
        chosen = order[:size]
        rows += compare(
            z_mean[chosen],
            z_logvar[chosen],
            [b for b in batch_sizes if b <= size],
            estimators,
            repetitions or 20,
            num_samples,
            seed,
            discriminator_steps,
        )
    results = pd.DataFrame(rows, columns=list(cells_lib.COLUMNS))
    study_lib.write_table(results, output_dir, "on_model")
    figures.save(figures.on_model(results), os.path.join(output_dir, "on_model"))
    text = describe(results)
    study_lib.write_text(os.path.join(output_dir, "on_model.md"), text)
    print(text)
    return results


def compare(
    z_mean,
    z_logvar,
    batch_sizes,
    estimators,
    repetitions,
    num_samples,
    seed,
    discriminator_steps,
):
    """Returns the rows of one data set of encodings, the exact value's first.

    Args:
        z_mean: [dataset_size, num_latent], means of the encodings.
        z_logvar: [dataset_size, num_latent], log variances of the encodings.
        batch_sizes: B.
        estimators: Names from `ESTIMATORS`.
        repetitions: Batches of each size.
        num_samples: Draws of z for the exact value.
        seed: Of everything random.
        discriminator_steps: Training budget of the density ratio.
    """
    size, dim = z_mean.shape
    start = time.perf_counter()
    exact = total_correlation.mixture(
        z_mean, z_logvar, num_samples, np.random.default_rng([seed, 1, size])
    )
    tc_mean = total_correlation.gaussian(z_mean)
    common = dict(
        study="on_model",
        structure="model",
        dim=dim,
        dataset_size=size,
        det=float(np.exp(-2.0 * tc_mean)),
        tc_mean_true=tc_mean,
        tc_sample_true=exact.value,
    )

    def row(batch_size, estimator, mean, stderr, repetitions, start):
        seconds = round(time.perf_counter() - start, 4)
        return dict(
            common,
            batch_size=batch_size,
            estimator=estimator,
            mean=mean,
            stderr=stderr,
            repetitions=repetitions,
            seconds=seconds,
        )

    rows = [row(size, cells_lib.MIXTURE, *exact, num_samples, start)]
    dataset = EncodedDataset(z_mean, z_logvar)
    if cells_lib.DENSITY_RATIO in estimators:
        start = time.perf_counter()
        estimate, _ = cells_lib.density_ratio(
            dataset, np.random.default_rng([seed, 2, size]), discriminator_steps
        )
        value = estimate.value, estimate.standard_error, 1, start
        # It does not depend on B: every step sees fresh samples.
        rows += [row(b, cells_lib.DENSITY_RATIO, *value) for b in batch_sizes]
    for batch_size in batch_sizes:
        random = np.random.default_rng([seed, 3, size, batch_size])
        batches = [dataset.draw(random, batch_size) for _ in range(repetitions)]
        for estimator in estimators:
            if estimator == cells_lib.DENSITY_RATIO:
                continue
            start = time.perf_counter()
            values = [_estimate(batch, estimator, size) for batch in batches]
            stderr = np.std(values, ddof=1) / np.sqrt(repetitions)
            rows.append(
                row(
                    batch_size,
                    estimator,
                    float(np.mean(values)),
                    float(stderr) if repetitions > 1 else float("nan"),
                    repetitions,
                    start,
                )
            )
    return rows


def describe(results):
    """Returns the errors of all estimators as a Markdown table."""
    table = results[results["estimator"] != cells_lib.MIXTURE]
    table = table.assign(error=table["mean"] - table["tc_sample_true"])
    columns = ["dataset_size", "batch_size"]
    table = table.pivot_table("error", "estimator", columns, sort=False)
    exact = results[results["estimator"] == cells_lib.MIXTURE]
    lines = ["# Error of the estimators on the model, nats", ""]
    for line in exact.itertuples():
        lines.append(
            f"- N = {line.dataset_size}: exact total correlation "
            f"{line.mean:.4f} +- {line.stderr:.4f}; Gaussian, of the means "
            f"{line.tc_mean_true:.4f}"
        )
    heads = [f"N {size}, B {batch_size}" for size, batch_size in table.columns]
    lines += ["", "| estimator | " + " | ".join(heads) + " |"]
    lines += ["|" + "---|" * (len(heads) + 1)]
    for name, values in table.iterrows():
        lines.append(f"| {name} | " + " | ".join(f"{v:+.3f}" for v in values) + " |")
    return "\n".join(lines) + "\n"


def max_images(dataset_sizes):
    """Returns how many images are needed, None for all."""
    return None if None in dataset_sizes else max(dataset_sizes)


def encode_model(model_dir, num_images=None, seed=0):
    """Encodes the data set that a model was trained on.

    Args:
        model_dir: Folder that `dlib_train` wrote.
        num_images: Random images; one per combination of the factors if None or if
            there are no more.
        seed: Of the draw.

    Returns:
        Means and log variances, [num_images, num_latent] each.

    Raises:
        UserError: No module there, or its data set is unknown.
    """
    name, _ = read_training(model_dir)
    with gin.unlock_config():
        gin.bind_parameter("dataset.name", name)
    dataset = named_data.get_named_ground_truth_data()
    random_state = np.random.RandomState(seed)
    with open_signature(model_dir, "gaussian_encoder") as encode:

        def representation(images):
            output = encode(dict(images=images))
            return np.stack([output["mean"], output["logvar"]], axis=1)

        num_combinations = int(np.prod(dataset.factors_num_values))
        if num_images is None or num_images >= num_combinations:
            encoded = codes.encode_all(dataset, representation, random_state)
        else:
            encoded = codes.encode(
                dataset, representation, random_state, num_samples=num_images
            )
    return encoded.z_mean, encoded.z_logvar


def _estimate(batch, estimator, dataset_size):
    if estimator in cells_lib.SAMPLE_ESTIMATORS:
        return cells_lib.SAMPLE_ESTIMATORS[estimator](batch[0])
    return total_correlation.minibatch(*batch, estimator, dataset_size)
