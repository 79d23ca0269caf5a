# SPDX-License-Identifier: Apache-2.0
"""RTC-VAE: its loss, its training, what it reports and what it exports."""

import json
import signal

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.methods.shared import losses
from disentanglement_lib.methods.unsupervised import train, vae
from scipy.special import log_expit
from tiny_models import BATCH_SIZE, NUM_LATENT

from rtc_plugin.errors import UserError
from rtc_plugin.methods import rtc_vae
from rtc_plugin.training import estimator

BINDINGS = (
    tiny_models.BINDINGS
    + """
model.model = @rtc_vae()
rtc_vae.beta = 4.
"""
)


@pytest.fixture(autouse=True)
def configuration():
    gin.clear_config()
    gin.parse_config(BINDINGS)
    yield
    gin.clear_config()


def train_weights(model_dir, steps=4, seed=0, **settings):
    model = rtc_vae.RTCVAE(beta=4.0, **settings)
    return tiny_models.train_weights(model, model_dir, steps, seed)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """What the library's own training makes of an RTC-VAE."""
    gin.clear_config()
    path = tmp_path_factory.mktemp("rtc_vae") / "model"
    train.train_with_gin(str(path), False, [], [BINDINGS])
    return path


@pytest.mark.parametrize(
    ("beta", "expected"), [(0, 10.0), (2, 10.0), (10, 10.0), (50.0, 50.0)]
)
def test_eta_is_beta_but_at_least_ten(beta, expected):
    assert rtc_vae.RTCVAE(beta=beta).eta == expected
    assert rtc_vae.RTCVAE(beta=beta, eta=0).eta == 0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "ten"])
@pytest.mark.parametrize("name", ["beta", "eta"])
def test_a_weight_that_is_no_number_from_zero_on_is_refused(name, value):
    with pytest.raises(UserError, match=f"rtc_vae.{name} = .*must be a number >= 0"):
        rtc_vae.RTCVAE(**{"beta": 1.0, name: value})


def test_beta_is_required(tmp_path):
    with pytest.raises(RuntimeError, match="rtc_vae.*beta"):
        gin.clear_config()
        train.train_with_gin(
            str(tmp_path / "m"), False, [], [BINDINGS.replace("rtc_vae.beta = 4.", "")]
        )
    assert list(tmp_path.iterdir()) == []


def test_a_batch_of_one_is_refused():
    model = rtc_vae.RTCVAE(beta=1.0)
    with tf.Graph().as_default(), pytest.raises(UserError, match="batch_size = 1"):
        model.model_fn(tf.zeros([1, 64, 64, 1]), None, "train", {})


def test_loss_agrees_with_numpy():
    beta, eta = 3.0, 12.0
    model = tiny_models.transparent(rtc_vae.RTCVAE)(beta, eta)
    images = np.random.RandomState(0).rand(BATCH_SIZE, 64, 64, 1).astype(np.float32)
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        spec = model.model_fn(tf.constant(images), None, "eval", {})
        tensors = [spec.loss, model.z, model.z_mean, model.z_logvar, model.logits]
        scalars = spec.eval_metrics[1]["scalars"]
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            values = session.run([tensors, scalars])
            weights = session.run(tf.trainable_variables("discriminator"))
    (loss, z, mean, logvar, logits), scalars = values
    reconstruction = -np.sum(
        images * log_expit(logits) + (1 - images) * log_expit(-logits), axis=(1, 2, 3)
    ).mean()
    kl = 0.5 * np.sum(mean**2 + np.exp(logvar) - logvar - 1, axis=1).mean()
    penalty = np.exp(logvar).sum(axis=1).mean()
    hidden = z @ weights[0] + weights[1]
    log_ratio = np.maximum(hidden, 0.2 * hidden) @ weights[2] + weights[3]
    tc = (log_ratio[:, 0] - log_ratio[:, 1]).mean()
    regularizer = kl + beta * tc + eta * penalty
    expected = {
        "reconstruction_loss": reconstruction,
        "kl_loss": kl,
        "elbo": -reconstruction - kl,
        "total_correlation": tc,
        "variance_penalty": penalty,
        "regularizer": regularizer,
    }
    for name, value in expected.items():
        assert scalars[name] == pytest.approx(value, rel=1e-4), name
    assert loss == pytest.approx(reconstruction + regularizer, rel=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0, 10.0, 50.0])
def test_the_penalty_is_a_wider_prior_for_the_means(eta):
    """The identity that says what eta does, exact for every encoder and decoder.

    With c = sqrt(1 + 2 eta) and z' = c z, RTC-VAE's loss is FactorVAE's on z' with the
    mean's term of the KL weighted by 1 / c^2, plus D log c. The decoder divides z' by c
    again, and total correlation has no scale.
    """
    c = np.sqrt(1 + 2 * eta)
    random_state = np.random.RandomState(0)
    mean, logvar, noise = random_state.randn(3, 50, 10)
    images = random_state.rand(50, 8, 8, 1)
    weights = random_state.randn(10, 64)

    def decode(z):
        return tf.reshape(tf.matmul(z, weights), [-1, 8, 8, 1])

    def reconstruct(z):
        return tf.reduce_mean(losses.bernoulli_loss(images, decode(z), "logits"))

    wide_mean, wide_logvar = c * mean, logvar + 2 * np.log(c)
    with tf.Session() as session:
        images = tf.constant(images)
        z = mean + np.exp(logvar / 2) * noise
        rtc_loss = session.run(
            reconstruct(z)
            + vae.compute_gaussian_kl(mean, logvar)
            + eta * rtc_vae.variance_penalty(logvar)
        )
        wide_z = wide_mean + np.exp(wide_logvar / 2) * noise
        wide_reconstruction = session.run(reconstruct(wide_z / c))
    wide_kl = 0.5 * np.sum(
        wide_mean**2 / c**2 + np.exp(wide_logvar) - wide_logvar - 1, axis=1
    )
    expected = wide_reconstruction + wide_kl.mean() + 10 * np.log(c)
    assert rtc_loss == pytest.approx(expected, rel=1e-12)


def test_a_latent_without_information_costs_what_the_docstring_says():
    """mu = 0 and sigma^2 = 1 / (1 + 2 eta) minimise KL plus penalty."""
    eta = 10.0

    def cost(variance):
        logvar = tf.fill([4, 1], tf.cast(np.log(variance), tf.float32))
        return vae.compute_gaussian_kl(
            tf.zeros([4, 1]), logvar
        ) + eta * rtc_vae.variance_penalty(logvar)

    best = 1 / (1 + 2 * eta)
    with tf.Session() as session:
        costs = session.run([cost(best * factor) for factor in (0.8, 1.0, 1.25)])
    assert costs[1] < min(costs[0], costs[2])


@pytest.mark.parametrize(
    ("frozen", "moving"),
    [("vae", {"discriminator"}), ("discriminator", {"encoder", "decoder"})],
)
def test_each_optimizer_moves_its_own_variables(tmp_path, frozen, moving):
    gin.parse_config(f"{frozen}_optimizer.learning_rate = 0.")
    first, second = (train_weights(tmp_path / str(n), steps=n) for n in (1, 2))
    moved = {
        name.split("/")[0]
        for name in first
        if name.endswith(("kernel", "bias"))
        and not np.array_equal(first[name], second[name])
    }
    assert moved == moving


@pytest.mark.parametrize(("counted", "updates"), [(False, 4), (True, 2)])
def test_training_steps_are_updates_unless_both_networks_count(
    tmp_path, counted, updates
):
    values = train_weights(tmp_path, count_discriminator_step=counted)
    assert values["global_step"] == 4
    assert values[estimator.BATCHES_CONSUMED] == updates


def test_results_and_summaries_hold_every_part_of_the_loss(model_dir):
    results = json.loads((model_dir / "results/json/train_results.json").read_text())
    scalars = {
        "loss",
        "reconstruction_loss",
        "kl_loss",
        "elbo",
        "regularizer",
        "total_correlation",
        "variance_penalty",
        "discriminator_loss",
        "discriminator_accuracy",
    }
    per_latent = {
        f"{name}/{k}"
        for name in ("noise_variance", "mean_variance")
        for k in range(NUM_LATENT)
    }
    assert scalars | per_latent <= set(results)
    assert sum(results[f"noise_variance/{k}"] for k in range(NUM_LATENT)) == (
        pytest.approx(results["variance_penalty"], rel=1e-5)
    )
    assert results["elbo"] < 0
    assert 0 <= results["discriminator_accuracy"] <= 1
    written = set()
    for path in (model_dir / "tf_checkpoint").glob("events*"):
        for event in tf.train.summary_iterator(str(path)):
            written |= {value.tag for value in event.summary.value}
    assert scalars | per_latent <= written


def test_export_has_the_library_s_three_signatures(model_dir):
    import tensorflow_hub as hub  # Needs the hook that the library's import arms.

    codes = np.zeros([2, NUM_LATENT], np.float32)
    with tf.Graph().as_default():
        module = hub.Module(str(model_dir / "tfhub"))
        assert {"gaussian_encoder", "reconstructions", "decoder"} <= set(
            module.get_signature_names()
        )
        images = module({"latent_vectors": codes}, signature="decoder", as_dict=True)[
            "images"
        ]
        encoded = module({"images": images}, signature="gaussian_encoder", as_dict=True)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            encoded = session.run(encoded)
    assert encoded["mean"].shape == encoded["logvar"].shape == (2, NUM_LATENT)


def test_the_seed_decides_everything(tmp_path):
    first, second, other = (
        train_weights(tmp_path / name, seed=seed)
        for name, seed in (("first", 0), ("second", 0), ("other", 1))
    )
    tiny_models.assert_same_weights(first, second)
    assert not np.array_equal(first["encoder/e1/kernel"], other["encoder/e1/kernel"])


@pytest.mark.parametrize("permute_from", ["same_batch", "second_half"])
def test_an_interrupted_training_continues_to_the_bit(
    tmp_path, monkeypatch, permute_from
):
    class InterruptingProgress(estimator.Progress):
        def update(self, step, values=None):
            if step == 2:
                monkeypatch.undo()
                signal.raise_signal(signal.SIGINT)

    whole = train_weights(tmp_path / "whole", permute_from=permute_from)
    monkeypatch.setattr(estimator, "Progress", InterruptingProgress)
    with estimator.resumable(str(tmp_path / "resumed")):
        with pytest.raises(KeyboardInterrupt, match="step 2 of 4"):
            train_weights("unused", permute_from=permute_from)
        resumed = train_weights("unused", permute_from=permute_from)
    tiny_models.assert_same_weights(resumed, whole)
