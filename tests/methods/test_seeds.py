# SPDX-License-Identifier: Apache-2.0
"""One seed fixes weights, data, noise and permutations: the same run twice."""

import os
import subprocess
import sys
from pathlib import Path

import gin
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.data.ground_truth import dummy_data
from disentanglement_lib.methods.unsupervised import vae
from tensorflow.python.framework import config

from rtc_plugin.methods import rtc_vae, tc_vae
from rtc_plugin.training.input_pipeline import make_input_fn

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

MODELS = {
    "vae": lambda: vae.BetaVAE(beta=4.0),
    "annealed_vae": lambda: vae.AnnealedVAE(10.0, 5.0, 10),
    "factor_vae": lambda: vae.FactorVAE(gamma=10.0),
    "dip_vae": lambda: vae.DIPVAE(2.0, 10.0),
    "beta_tc_vae": lambda: vae.BetaTCVAE(beta=4.0),
    "rtc_vae": lambda: rtc_vae.RTCVAE(beta=4.0),
    "tc_vae": lambda: tc_vae.TCVAE(beta=4.0, estimator="mss1"),
    "tc_vae_density_ratio": lambda: tc_vae.TCVAE(4.0, estimator="density_ratio"),
}


@pytest.mark.parametrize("name", MODELS)
def test_two_runs_give_the_same_checkpoint(tmp_path, name):
    first, second = (
        tiny_models.train_weights(MODELS[name](), tmp_path / run, 4)
        for run in ("first", "second")
    )
    tiny_models.assert_same_weights(first, second)


def test_the_discriminator_of_factor_vae_is_updated_last():
    """The library leaves the order to the threads: some runs differ, some do not."""
    with tf.Graph().as_default() as graph:
        tf.train.create_global_step()
        MODELS["factor_vae"]().model_fn(tf.zeros([8, 64, 64, 1]), None, "train", {})
        updates = [op for op in graph.get_operations() if "ApplyAdam" in op.type]
    discriminator = [op for op in updates if "discriminator" in op.inputs[0].op.name]
    others = set(updates) - set(discriminator)
    assert len(discriminator) == 4 and len(others) == 6
    for update in discriminator:
        assert others <= ancestors(update)


def ancestors(op):
    """Returns all operations that run before one."""
    found, stack = set(), [op]
    while stack:
        op = stack.pop()
        new = {t.op for t in op.inputs} | set(op.control_inputs)
        stack.extend(new - found)
        found |= new
    return found


@pytest.mark.parametrize("binding", [True, False])
def test_deterministic_operations_can_be_traded_for_speed(tmp_path, binding):
    gin.bind_parameter("training_ops.deterministic", binding)
    model, found = MODELS["vae"](), []
    model_fn = model.model_fn

    def watched_model_fn(features, labels, mode, params):
        found.append(config.is_op_determinism_enabled())
        return model_fn(features, labels, mode, params)

    model.model_fn = watched_model_fn
    tiny_models.train_weights(model, tmp_path)
    estimator = tiny_models.make_estimator(model, tmp_path)
    estimator.evaluate(make_input_fn(dummy_data.DummyData(), 0, num_batches=1))
    assert found == [binding, binding]
    assert not config.is_op_determinism_enabled()


TWO_THREADS = """
import sys
import gin
import tiny_models
gin.parse_config_file(sys.argv[2])
gin.parse_config("discriminator.discriminator_fn = @tiny_discriminator")
model = gin.query_parameter("model.model").scoped_configurable_fn()
tiny_models.train_weights(model, sys.argv[1], 6)
"""


def test_two_processes_with_two_threads_give_the_same_checkpoint(tmp_path):
    """Without a word about determinism in the configuration."""
    gin_file = Path(__file__).parents[2] / "gin" / "models" / "factorvae.gin"
    environment = {
        **os.environ,
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_THREADS, str(tmp_path / run), str(gin_file)],
            env=environment,
        )
        for run in ("first", "second")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    first, second = (
        tiny_models.read_weights(tmp_path / run) for run in ("first", "second")
    )
    assert first["encoder/e5/kernel"].shape == (4, 4, 64, 512)
    tiny_models.assert_same_weights(first, second)
