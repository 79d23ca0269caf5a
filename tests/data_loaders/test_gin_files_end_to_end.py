# SPDX-License-Identifier: Apache-2.0
"""Each model of gin/ trains on each data set and is evaluated, by the library."""

import itertools
import json
import math
from pathlib import Path

import gin
import pytest
import small_public_files as small
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.methods.unsupervised import train
from disentanglement_lib.postprocessing import postprocess

GIN = Path(__file__).parents[2] / "gin"
MODELS, DATA = (sorted((GIN / kind).glob("*.gin")) for kind in ("models", "data"))
TRAINABLE = [
    *itertools.product(MODELS, DATA),
    *((path,) for path in sorted(GIN.glob("*.gin"))),
    *((path,) for path in sorted((GIN / "studies").glob("**/*.gin"))),
]
STEPS = 50
TRAINING = [
    "model.batch_size = 16",
    f"model.training_steps = {STEPS}",
    "model.eval_steps = 2",
]
METRICS = [
    "rtc_metrics.num_train = 300",
    "tc_disparity.num_bootstrap = 5",
    "tc_nongaussian.num_permutations = 5",
    "tc_nongaussian.use_discriminator = False",
    "conditional_independence.num_draws = 300",
    "elbo_decomposition.num_draws = 300",
    "elbo_decomposition.num_reconstructions = 32",
]


@pytest.fixture
def small_files(tmp_path, monkeypatch):
    """The public files' formats, a few images each."""
    small.use_small_sizes(monkeypatch, tmp_path)
    small.write_shapes3d_h5()
    small.write_dsprites()
    small.write_cars3d()
    gin.clear_config()
    yield
    gin.clear_config()


@pytest.mark.slow
@pytest.mark.parametrize(
    "paths", TRAINABLE, ids=lambda paths: "_".join(path.stem for path in paths)
)
def test_trains_and_is_evaluated(paths, tmp_path, small_files):
    model, codes, scores = (str(tmp_path / step) for step in ("m", "p", "e"))
    train.train_with_gin(model, False, [str(path) for path in paths], TRAINING)
    postprocess.postprocess_with_gin(
        model, codes, False, [str(GIN / "postprocess" / "mean_and_logvar.gin")]
    )
    evaluate.evaluate_with_gin(
        codes,
        scores,
        False,
        [str(GIN / "metrics" / "rtc_metrics.gin")],
        [*METRICS, f"elbo_decomposition.model_dir = '{model}'"],
    )
    results = Path(scores, "results", "aggregate", "evaluation.json").read_text()
    found = json.loads(results)
    assert STEPS <= found["train_results.global_step"] <= STEPS + 1
    for score in ("tc_mean", "tc_sample", "kl", "reconstruction_bernoulli"):
        assert math.isfinite(found[f"evaluation_results.{score}"]), score
    assert found["evaluation_results.num_latent"] == 10
