# SPDX-License-Identifier: Apache-2.0
"""From a trained module to the scores, by the library's own steps."""

import json
import pathlib

import gin
import numpy as np
import pytest
import tensorflow_hub as hub
import tiny_vae
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.methods.unsupervised import train
from disentanglement_lib.postprocessing import postprocess
from disentanglement_lib.utils import aggregate_results

from rtc_plugin.errors import UserError

GIN = pathlib.Path(__file__).parents[2] / "gin"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A trained module and its representations, by name."""
    root = tmp_path_factory.mktemp("pipeline")
    gin.clear_config()
    train.train_with_gin(str(root / "model"), gin_bindings=tiny_vae.BINDINGS)
    for name in ("mean_and_logvar", "mean", "sampled"):
        postprocess.postprocess_with_gin(
            str(root / "model"),
            str(root / name),
            gin_config_files=[str(GIN / "postprocess" / f"{name}.gin")],
        )
    return root


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


def score(pipeline, representation, metric, *bindings):
    output_dir = pipeline / "metrics" / representation / metric
    evaluate.evaluate_with_gin(
        str(pipeline / representation),
        str(output_dir),
        True,
        [str(GIN / "metrics" / f"{metric}.gin")],
        [f"evaluation.name = '{metric}'", f"{metric}.num_train = 60", *bindings],
    )
    path = output_dir / "results" / "json" / "evaluation_results.json"
    return json.loads(path.read_text())


def test_the_representation_is_the_encoders_mean_and_logvar(pipeline):
    images = np.random.RandomState(0).uniform(size=(5, 64, 64, 1))
    with hub.eval_function_for_module(str(pipeline / "model" / "tfhub")) as f:
        encoding = f(dict(images=images), signature="gaussian_encoder", as_dict=True)
    path = str(pipeline / "mean_and_logvar" / "tfhub")
    with hub.eval_function_for_module(path) as f:
        both = f(dict(images=images), signature="representation", as_dict=True)
    assert both["default"].shape == (5, 2, 3)
    np.testing.assert_array_equal(both["default"][:, 0], encoding["mean"])
    np.testing.assert_array_equal(both["default"][:, 1], encoding["logvar"])


def test_metrics_know_the_three_representations(pipeline):
    fast = ["tc_disparity.num_draws = 2", "tc_disparity.num_bootstrap = 2"]
    both, mean, sampled = (
        score(pipeline, name, "tc_disparity", *fast)
        for name in ("mean_and_logvar", "mean", "sampled")
    )
    assert both["representation"] == "mean_and_logvar"
    assert both["num_latent"] == mean["num_latent"] == sampled["num_latent"] == 3
    assert mean["tc_mean"] == pytest.approx(both["tc_mean"], rel=1e-5)
    assert sampled["tc_sample"] is not None and sampled["tc_mean"] is None


def test_all_metrics_run_and_aggregate(pipeline):
    small = [
        "tc_nongaussian.use_discriminator = False",
        "tc_nongaussian.num_permutations = 2",
        f"elbo_decomposition.model_dir = '{pipeline / 'model'}'",
        "elbo_decomposition.num_reconstructions = 20",
    ]
    results = score(
        pipeline,
        "mean_and_logvar",
        "rtc_metrics",
        "rtc_metrics.num_train = 200",
        *small,
    )
    # No latent of an untrained encoder is active, and parts of 20 images tell nothing.
    missing = [name for name in results["not_computed"] if "_active" not in name]
    assert all(name.endswith("_stderr") for name in missing)
    assert set(results["not_computed"]) == set(results["reasons"])
    assert results["elbo"] == -results["reconstruction_bernoulli"] - results["kl"]
    # An untrained decoder's logits are near 0: about log 2 per pixel.
    assert results["reconstruction_bernoulli"] == pytest.approx(
        64 * 64 * np.log(2), rel=0.1
    )
    for metric in ("mig_variants", "infomec"):
        score(pipeline, "mean_and_logvar", metric)
    table = pipeline / "all.json"
    aggregate_results.aggregate_results_to_json(
        str(pipeline / "metrics/mean_and_logvar/*/results/aggregate/evaluation.json"),
        str(table),
    )
    table = aggregate_results.load_aggregated_json_results(str(table))
    assert table["evaluation_results.tc_mean"].count() >= 1
    assert table["evaluation_results.mig_sup"].count() == 1


def test_the_librarys_metrics_refuse_it(pipeline):
    # They would take log variances for latents.
    with pytest.raises(UserError, match="@mig.*mean.gin"):
        score(pipeline, "mean_and_logvar", "mig", "mig.batch_size = 20")


def test_images_of_another_data_set_end_in_one_line(pipeline):
    with pytest.raises(UserError, match=r"not take .* \[64, 64, 3\].*dataset.name"):
        score(
            pipeline,
            "mean_and_logvar",
            "tc_disparity",
            "dataset.name = 'shapes3d_rendered'",
        )


def test_a_folder_without_reconstructions_is_named(pipeline):
    folder = pipeline / "mean_and_logvar"
    with pytest.raises(UserError, match="no signature 'reconstructions'"):
        score(
            pipeline,
            "mean_and_logvar",
            "elbo_decomposition",
            f"elbo_decomposition.model_dir = '{folder}'",
        )
