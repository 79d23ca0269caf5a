# SPDX-License-Identifier: Apache-2.0
"""correlated_gaussian: its noise, its KL, and every model under it."""

from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.methods.unsupervised import train, vae
from tiny_models import BATCH_SIZE, NUM_LATENT

from rtc_plugin.errors import UserError
from rtc_plugin.methods import correlated_gaussian as lib
from rtc_plugin.methods import rtc_vae, tc_vae
from rtc_plugin.methods.correlated_gaussian import correlated_gaussian

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

GIN = Path(__file__).parents[2] / "gin"
MODELS = {
    "vae": (vae.BetaVAE, {"beta": 4.0}),
    "annealed_vae": (
        vae.AnnealedVAE,
        {"gamma": 10.0, "c_max": 5.0, "iteration_threshold": 10},
    ),
    "factor_vae": (vae.FactorVAE, {"gamma": 4.0}),
    "dip_vae_i": (vae.DIPVAE, {"lambda_od": 2.0, "lambda_d_factor": 10.0}),
    "dip_vae_ii": (
        vae.DIPVAE,
        {"lambda_od": 2.0, "lambda_d_factor": 1.0, "dip_type": "ii"},
    ),
    "beta_tc_vae": (vae.BetaTCVAE, {"beta": 4.0}),
    "rtc_vae": (rtc_vae.RTCVAE, {"beta": 4.0}),
    "tc_vae": (tc_vae.TCVAE, {"beta": 4.0}),
}
STRENGTHS = [
    {"noise": "equicorrelation", "rho": 0.6},
    {"noise": "random", "rho": 0.6},
    {"noise": "learned", "alpha": 0.7},
]


def make(name):
    model_class, settings = MODELS[name]
    return model_class(**settings)


def full_kl(z_mean, z_logvar, cholesky):
    """Mean KL of N(mu, diag(sigma) L L' diag(sigma)) to N(0, I), by matrices."""
    kl = []
    for mean, logvar, factor in zip(z_mean, z_logvar, cholesky):
        scale = np.exp(logvar / 2)[:, None] * factor
        cov = scale @ scale.T
        log_det = np.linalg.slogdet(cov)[1]
        kl.append((np.trace(cov) + mean @ mean - len(mean) - log_det) / 2)
    return np.mean(kl)


@pytest.mark.parametrize(
    ("rho", "expected"), [(0.3, 0.9509), (0.6, 3.1952), (0.9, 9.2575)]
)
def test_equicorrelation_costs_what_the_closed_form_says(rho, expected):
    correlation = lib.fixed_correlation("equicorrelation", 10, rho)
    factor = np.linalg.cholesky(correlation)
    with tf.Session() as session:
        value = -session.run(lib.half_log_det(tf.constant(factor)))
    assert value == pytest.approx(expected, abs=5e-5)
    closed = -0.5 * (9 * np.log(1 - rho) + np.log(1 + 9 * rho))
    assert value == pytest.approx(closed, rel=1e-10)


@pytest.mark.parametrize("noise", ["equicorrelation", "random"])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95])
def test_a_fixed_correlation_is_a_correlation_matrix(noise, rho):
    correlation = lib.fixed_correlation(noise, 10, rho, correlation_seed=3)
    np.testing.assert_allclose(np.diag(correlation), 1, rtol=1e-12)
    np.testing.assert_array_equal(correlation, correlation.T)
    assert np.linalg.eigvalsh(correlation)[0] >= (1 - rho) - 1e-12
    again = lib.fixed_correlation(noise, 10, rho, correlation_seed=3)
    np.testing.assert_array_equal(correlation, again)
    if noise == "random" and rho > 0:
        other = lib.fixed_correlation(noise, 10, rho, correlation_seed=4)
        assert not np.allclose(correlation, other)


@pytest.mark.parametrize("strength", STRENGTHS, ids=lambda s: s["noise"])
def test_samples_have_the_covariance_and_the_kl_is_exact(strength):
    """40,000 draws of one encoding; a covariance of n draws is off by about n^-1/2."""
    num_draws = 40000
    mean, logvar = [1.0, -2.0, 0.5], [-1.0, 0.5, -3.0]
    model = correlated_gaussian(make("vae"), **strength)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        z_mean = tf.constant([mean] * num_draws)
        z_logvar = tf.constant([logvar] * num_draws)
        z = model.sample_from_latent_distribution(z_mean, z_logvar)
        if strength["noise"] == "learned":
            factor = lib.learned_cholesky(z_mean[:1], z_logvar[:1], strength["alpha"])
        else:
            factor = tf.constant(
                np.linalg.cholesky(lib.fixed_correlation(num_latent=3, **strength))
            )[tf.newaxis]
        session.run(tf.global_variables_initializer())
        z, factor = session.run([z, factor])
    correlation = factor[0] @ factor[0].T
    np.testing.assert_allclose(np.diag(correlation), 1, rtol=1e-6)
    assert np.abs(correlation - np.eye(3)).max() > 0.1
    scale = np.exp(np.array(logvar) / 2)
    standardised = (z - mean) / scale
    np.testing.assert_allclose(
        np.cov(standardised.T), correlation, atol=5 * np.sqrt(2 / num_draws)
    )
    np.testing.assert_allclose(standardised.mean(0), 0, atol=5 / np.sqrt(num_draws))


@pytest.mark.parametrize("strength", STRENGTHS, ids=lambda s: s["noise"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_reports_the_exact_kl(name, strength):
    model_class, settings = MODELS[name]
    seen = {}

    class Transparent(model_class):
        def gaussian_encoder(self, *args, **kwargs):
            seen["codes"] = super().gaussian_encoder(*args, **kwargs)
            return seen["codes"]

    model = correlated_gaussian(Transparent(**settings), **strength)
    images = np.random.RandomState(0).rand(BATCH_SIZE, 64, 64, 1).astype(np.float32)
    stock_kl = vae.compute_gaussian_kl
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        tf.train.create_global_step()
        spec = model.model_fn(tf.constant(images), None, "eval", {})
        reported = spec.eval_metrics[1]
        kl = (
            reported["scalars"]["kl_loss"]
            if isinstance(reported, dict)
            else reported[-1]
        )
        z_mean, z_logvar = seen["codes"]
        if strength["noise"] == "learned":
            factor = lib.learned_cholesky(z_mean, z_logvar, strength["alpha"])
        else:
            correlation = lib.fixed_correlation(num_latent=NUM_LATENT, **strength)
            factor = tf.constant(
                np.array([np.linalg.cholesky(correlation)] * BATCH_SIZE)
            )
        session.run(tf.global_variables_initializer())
        loss, kl, *codes = session.run([spec.loss, kl, z_mean, z_logvar, factor])
    assert np.isfinite(loss)
    assert kl == pytest.approx(full_kl(*codes), rel=1e-4)
    assert vae.compute_gaussian_kl is stock_kl


@pytest.mark.parametrize("name", ["factor_vae", "rtc_vae"])
@pytest.mark.parametrize("noise", lib.NOISES)
def test_strength_zero_is_the_model_itself(tmp_path, name, noise):
    plain = tiny_models.train_weights(make(name), tmp_path / "plain", 2)
    model = correlated_gaussian(make(name), noise=noise, rho=0.0)
    dialled = tiny_models.train_weights(model, tmp_path / "dialled", 2)
    tiny_models.assert_same_weights(dialled, plain)


def test_the_same_seed_draws_the_same_noise():
    def sample(rho):
        model = correlated_gaussian(make("vae"), rho=rho)
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(0)
            codes = tf.zeros([5, 3])
            return session.run(model.sample_from_latent_distribution(codes, codes))

    np.testing.assert_allclose(sample(1e-9), sample(0), rtol=1e-5)


def test_an_error_leaves_the_library_as_it_was():
    stock_kl = vae.compute_gaussian_kl
    model = correlated_gaussian(make("rtc_vae"), rho=0.5)
    with tf.Graph().as_default(), pytest.raises(UserError, match="batch_size = 1"):
        model.model_fn(tf.zeros([1, 64, 64, 1]), None, "train", {})
    assert vae.compute_gaussian_kl is stock_kl


def test_what_is_learned_is_trained_and_exported(tmp_path):
    """Under FactorVAE, which trains what is named after encoder and decoder."""
    import tensorflow_hub as hub  # Needs the hook that the library's import arms.

    bindings = """
    model.model = @correlated_gaussian()
    correlated_gaussian.model = @factor_vae()
    correlated_gaussian.noise = 'learned'
    correlated_gaussian.alpha = 1.
    factor_vae.gamma = 2.
    """
    path = tmp_path / "model"
    train.train_with_gin(str(path), False, [], [tiny_models.BINDINGS, bindings])
    reader = tf.train.load_checkpoint(
        tf.train.latest_checkpoint(str(path / "tf_checkpoint"))
    )
    assert np.any(reader.get_tensor("encoder/correlation/bias") != 0)
    images = np.random.RandomState(0).rand(2, 64, 64, 1)
    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(str(path / "tfhub"))
        outputs = module({"images": images}, signature="reconstructions", as_dict=True)
        session.run(tf.global_variables_initializer())
        outputs = session.run(outputs["images"])
    assert outputs.shape == (2, 64, 64, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rho": 1.0}, "rho = 1.0: must be a number from 0 to 0.95"),
        ({"rho": -0.1}, "rho = -0.1: must be"),
        ({"rho": float("nan")}, "rho = nan: must be"),
        ({"rho": "high"}, "rho = 'high': must be"),
        ({"noise": "learned", "alpha": -1}, "alpha = -1: must be a number >= 0"),
        ({"noise": "pink"}, "noise = 'pink': choose one of 'equicorrelation'"),
        ({"noise": "learned", "rho": 0.5}, "rho = 0.5 has no meaning for noise"),
        ({"alpha": 0.5}, "alpha = 0.5 has no meaning for noise 'equicorrelation'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        correlated_gaussian(make("vae"), **settings)


@pytest.mark.parametrize(
    "file", ["conditional_independence", "conditional_independence_split"]
)
def test_the_study_s_files_give_factor_vae_the_noise(file):
    gin.clear_config()
    gin.parse_config_file(str(GIN / "studies" / f"{file}.gin"))
    gin.parse_config("correlated_gaussian.rho = 0.6")
    model = gin.query_parameter("model.model").scoped_configurable_fn()
    assert isinstance(model, vae.FactorVAE)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        codes = tf.zeros([10000, 2])
        z = session.run(model.sample_from_latent_distribution(codes, codes))
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(0.6, abs=0.03)
