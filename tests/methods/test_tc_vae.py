# SPDX-License-Identifier: Apache-2.0
"""tc_vae: its weights, its estimators, and the models that it contains."""

import json
import math

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.data.ground_truth import dummy_data
from disentanglement_lib.methods.unsupervised import train, vae

from rtc_plugin import total_correlation as tc
from rtc_plugin.data.ground_truth import dsprites_rendered
from rtc_plugin.errors import UserError
from rtc_plugin.methods import rtc_vae, tc_vae

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

DATASET_SIZE = int(np.prod(dummy_data.DummyData().factors_num_values))
MINIBATCH = [name for name in tc_vae.ESTIMATORS if name != "density_ratio"]
SGD = """
vae_optimizer.optimizer_fn = @GradientDescentOptimizer
discriminator_optimizer.optimizer_fn = @GradientDescentOptimizer
"""


def evaluate(model, params=None):
    """Returns loss, terms and codes of a model at its initial weights."""
    images = np.random.RandomState(0).rand(8, 64, 64, 1).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        spec = model.model_fn(tf.constant(images), None, "eval", params or {})
        session.run(tf.global_variables_initializer())
        codes = [model.z, model.z_mean, model.z_logvar]
        return session.run([spec.loss, spec.eval_metrics[1]["scalars"], codes])


def make(**settings):
    return tiny_models.transparent(tc_vae.TCVAE)(**settings)


@pytest.mark.parametrize("beta", [1.0, 6.0])
def test_with_unit_weights_and_raw_it_is_the_library_s_beta_tc_vae(tmp_path, beta):
    """Same seed: same weights, data and noise, so the same training up to rounding."""
    gin.parse_config(SGD)
    theirs = tiny_models.train_weights(vae.BetaTCVAE(beta), tmp_path / "theirs", 3)
    ours = tiny_models.train_weights(tc_vae.TCVAE(beta), tmp_path / "ours", 3)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(
            ours[name], theirs[name], rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_with_the_density_ratio_it_is_rtc_vae_with_beta_one_higher(tmp_path):
    ours = tc_vae.TCVAE(beta=5.0, estimator="density_ratio", eta=12.0)
    theirs = rtc_vae.RTCVAE(beta=4.0, eta=12.0)
    gin.parse_config(SGD)
    first, second = (
        tiny_models.train_weights(model, tmp_path / name, 3)
        for name, model in (("ours", ours), ("theirs", theirs))
    )
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimator", MINIBATCH)
def test_the_penalty_agrees_with_numpy(estimator):
    """Against alpha I + beta TC + gamma sum_k KL_k, sampled as in the paper.

    There, the whole KL is sampled; here, it is exact. The two differ by gamma times
    what the sample of the KL is off.
    """
    alpha, beta, gamma, eta = 0.5, 7.0, 2.0, 3.0
    model = make(
        beta=beta, alpha=alpha, gamma=gamma, eta=eta, estimator=estimator,
        dataset_size=100,
    )  # fmt: skip
    _, scalars, codes = evaluate(model)
    z, z_mean, z_logvar = (array.astype(np.float64) for array in codes)
    parts = tc.minibatch_decomposition(z, z_mean, z_logvar, estimator, 100)
    log_normal = -0.5 * (math.log(2 * math.pi) + z**2)
    log_encoder = -0.5 * (
        math.log(2 * math.pi) + z_logvar + (z - z_mean) ** 2 / np.exp(z_logvar)
    )
    information = np.mean(log_encoder.sum(1) - parts.log_joint)
    dimension_wise = np.mean((parts.log_marginals - log_normal).sum(1))
    kl = np.mean(np.sum(z_mean**2 + np.exp(z_logvar) - z_logvar - 1, axis=1)) / 2
    kl_error = kl - np.mean((log_encoder - log_normal).sum(1))
    penalty = np.exp(z_logvar).sum(1).mean()
    expected = {
        "total_correlation": parts.value,
        "index_code_information": information,
        "dimension_wise_kl": dimension_wise + kl_error,
        "variance_penalty": penalty,
        "regularizer": alpha * information
        + beta * parts.value
        + gamma * (dimension_wise + kl_error)
        + eta * penalty,
    }
    for name, value in expected.items():
        assert scalars[name] == pytest.approx(value, rel=1e-4, abs=1e-4), name


def test_the_density_ratio_takes_weights_too():
    model = make(beta=7.0, alpha=0.5, gamma=2.0, estimator="density_ratio")
    _, scalars, codes = evaluate(model)
    marginals = tc.minibatch_decomposition(*codes, "naive").mutual_information
    information = marginals.sum() - scalars["total_correlation"]
    assert scalars["index_code_information"] == pytest.approx(information, rel=1e-4)
    assert scalars["regularizer"] == pytest.approx(
        0.5 * scalars["index_code_information"]
        + 7 * scalars["total_correlation"]
        + 2 * scalars["dimension_wise_kl"],
        rel=1e-4,
    )


def test_parts_of_the_kl_where_they_are_known():
    """A batch that is the data set, every latent of which tells every image.

    I(z;n) = log N, and each of the two latents alone has as much: TC = log N.
    """
    z_mean = np.stack([np.arange(8.0), np.arange(8.0)[::-1]], axis=1) * 100
    z_mean, z_logvar = (tf.constant(x, tf.float32) for x in (z_mean, 0 * z_mean))
    model = tc_vae.TCVAE(beta=1.0, estimator="mss_sym")
    kl = vae.compute_gaussian_kl(z_mean, z_logvar)
    _, terms, _ = model._penalize(kl, z_mean, z_logvar, z_mean, True, dataset_size=8)
    with tf.Session() as session:
        values, kl = session.run([terms, kl])
    assert values["total_correlation"] == pytest.approx(math.log(8), rel=1e-5)
    assert values["index_code_information"] == pytest.approx(math.log(8), rel=1e-5)
    assert values["dimension_wise_kl"] == pytest.approx(kl - 2 * math.log(8))


@pytest.mark.parametrize("name", ["alpha", "beta", "gamma", "eta"])
@pytest.mark.parametrize("value", [-1, float("nan"), "ten"])
def test_a_weight_that_is_no_number_from_zero_on_is_refused(name, value):
    with pytest.raises(UserError, match=f"tc_vae.{name} = .*must be a number >= 0"):
        tc_vae.TCVAE(**{"beta": 1.0, name: value})


@pytest.mark.parametrize("value", [0, -5, 1.5, "many", True])
def test_a_dataset_size_that_is_no_count_is_refused(value):
    with pytest.raises(UserError, match="tc_vae.dataset_size = .*number of images"):
        tc_vae.TCVAE(beta=1.0, estimator="mws", dataset_size=value)


@pytest.mark.parametrize("estimator", ["MWS", "leave_one_out", None])
def test_an_unknown_estimator_is_refused(estimator):
    with pytest.raises(UserError, match="tc_vae.estimator = .*choose one of 'raw'"):
        tc_vae.TCVAE(beta=1.0, estimator=estimator)


@pytest.mark.parametrize("estimator", tc_vae.ESTIMATORS)
def test_a_batch_of_one_is_refused(estimator):
    model = tc_vae.TCVAE(beta=1.0, estimator=estimator, dataset_size=10)
    with tf.Graph().as_default(), pytest.raises(UserError, match="batch_size = 1:"):
        model.model_fn(tf.zeros([1, 64, 64, 1]), None, "train", {})


def test_a_missing_dataset_size_is_refused_before_training(tmp_path):
    model = tc_vae.TCVAE(beta=1.0, estimator="mss1")
    trained = tiny_models.make_estimator(model, tmp_path / "model")
    with pytest.raises(UserError, match="bind tc_vae.dataset_size"):
        trained.train(lambda params: tf.zeros([8, 64, 64, 1]), 1)
    assert list(tmp_path.iterdir()) == []


def test_a_batch_larger_than_the_data_set_is_refused():
    model = tc_vae.TCVAE(beta=1.0, estimator="mss1", dataset_size=7)
    with tf.Graph().as_default(), pytest.raises(UserError, match="set of 7 images"):
        model.model_fn(tf.zeros([8, 64, 64, 1]), None, "train", {})


def test_the_data_set_gives_its_size():
    data = dummy_data.DummyData()
    assert tc_vae.count_images(data) == DATASET_SIZE
    assert tc_vae.count_images(dsprites_rendered.DSpritesRendered()) == 737280
    from_data = evaluate(make(beta=3.0, estimator="mws"), {"ground_truth_data": data})
    stated = evaluate(make(beta=3.0, estimator="mws", dataset_size=DATASET_SIZE))
    other = evaluate(make(beta=3.0, estimator="mws", dataset_size=DATASET_SIZE * 2))
    from_data, stated, other = (
        scalars["total_correlation"] for _, scalars, _ in (from_data, stated, other)
    )
    assert from_data == stated
    # MWS has the constant (D - 1) log N.
    assert other - stated == pytest.approx(2 * math.log(2), rel=1e-3)


def test_the_library_trains_and_exports_it(tmp_path):
    bindings = """
    model.model = @tc_vae()
    tc_vae.beta = 3.
    tc_vae.gamma = 2.
    tc_vae.estimator = 'mss_sym'
    """
    path = tmp_path / "model"
    train.train_with_gin(str(path), False, [], [tiny_models.BINDINGS, bindings])
    assert (path / "tfhub").is_dir()
    results = json.loads((path / "results/json/train_results.json").read_text())
    parts = ("index_code_information", "total_correlation", "dimension_wise_kl")
    assert sum(results[name] for name in parts) == pytest.approx(
        results["kl_loss"], rel=1e-4
    )
