# SPDX-License-Identifier: Apache-2.0
"""tc_monitor: a curve of total correlation that leaves training as it was."""

import csv

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.data.ground_truth import dummy_data
from disentanglement_lib.methods.unsupervised import train, vae

from rtc_plugin import measures
from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.methods import correlated_gaussian, rtc_vae
from rtc_plugin.methods import tc_monitor as lib
from rtc_plugin.methods.tc_monitor import tc_monitor

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

NUM_IMAGES = 21  # No multiple of the batch size.


def monitored(model, **settings):
    return tc_monitor(model, every=2, num_images=NUM_IMAGES, **settings)


def read_rows(model_dir):
    with open(model_dir / lib.FILE, newline="") as file:
        return [
            {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(
    "make", [lambda: vae.BetaVAE(2.0), lambda: rtc_vae.RTCVAE(2.0)]
)
def test_training_is_the_same_and_the_curve_is_that_of_its_encoders(tmp_path, make):
    plain = tiny_models.train_weights(make(), tmp_path / "plain")
    model = monitored(make(), estimators=["naive", "mss_sym"], seed=3)
    watched = tiny_models.train_weights(model, tmp_path / "watched")
    tiny_models.assert_same_weights(watched, plain)

    rows = read_rows(tmp_path / "watched")
    assert [row.pop("step") for row in rows] == [0, 2, 4]
    data, random_state = dummy_data.DummyData(), np.random.RandomState(3)
    parts = [data.sample(tiny_models.BATCH_SIZE, random_state) for _ in range(3)]
    factors, images = (np.concatenate(part)[:NUM_IMAGES] for part in zip(*parts))
    images = images.reshape(NUM_IMAGES, -1)
    z_mean, z_logvar = (
        images @ watched[f"encoder/{layer}/kernel"] + watched[f"encoder/{layer}/bias"]
        for layer in ("e1", "e2")
    )
    size = int(np.prod(data.factors_num_values))
    expected = lib.measure(
        z_mean, z_logvar, factors, ["naive", "mss_sym"], size, 8, seed=3
    )
    assert rows[-1] == pytest.approx(expected, rel=1e-3, abs=1e-5, nan_ok=True)
    assert rows[0] != rows[1] != rows[2]


def test_tensorboard_gets_the_curve(tmp_path):
    tiny_models.train_weights(monitored(vae.BetaVAE(2.0)), tmp_path)
    rows = read_rows(tmp_path)
    written = {
        event.step: value.simple_value
        for path in tmp_path.glob("events*")
        for event in tf.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "tc_monitor/tc_mean"
    }
    expected = {row["step"]: row["tc_mean"] for row in rows}
    assert written == pytest.approx(expected, rel=1e-6)


def test_a_continued_training_goes_on_with_its_file(tmp_path):
    tiny_models.train_weights(monitored(vae.BetaVAE(2.0)), tmp_path, steps=3)
    before = read_rows(tmp_path)
    with open(tmp_path / lib.FILE, "a") as file:
        file.write("9" + ",0" * (len(before[0]) - 1) + "\n")  # After the end.
    tiny_models.train_weights(monitored(vae.BetaVAE(2.0)), tmp_path, steps=3)
    after = read_rows(tmp_path)
    assert [row["step"] for row in after] == [0, 2, 4, 6]
    np.testing.assert_equal(after[:2], before)  # To which nan is nan.


def test_it_watches_a_model_with_correlated_noise(tmp_path):
    model = correlated_gaussian.correlated_gaussian(vae.FactorVAE(2.0), rho=0.5)
    tiny_models.train_weights(monitored(model), tmp_path, steps=4)
    # FactorVAE counts two steps per update.
    assert [row["step"] for row in read_rows(tmp_path)] == [0, 2, 4]


def test_the_library_trains_and_exports_a_model_that_is_watched(tmp_path):
    bindings = """
    model.model = @tc_monitor()
    tc_monitor.model = @rtc_vae()
    tc_monitor.every = 2
    tc_monitor.num_images = 20
    rtc_vae.beta = 2.
    """
    path = tmp_path / "model"
    train.train_with_gin(str(path), False, [], [tiny_models.BINDINGS, bindings])
    assert [row["step"] for row in read_rows(path / "tf_checkpoint")] == [0, 2, 4]
    assert (path / "tfhub").is_dir()


def test_measures_of_a_known_law():
    """Two latents of correlation .8 with 1 % noise, one of noise alone."""
    n = 20000
    random_state = np.random.RandomState(0)
    cov = [[1.0, 0.8], [0.8, 1.0]]
    z_mean = random_state.multivariate_normal([0, 0], cov, size=n)
    z_mean = np.c_[z_mean, 1e-3 * random_state.randn(n)]
    z_logvar = np.tile(np.log([0.01, 0.01, 1.0]), (n, 1))
    factors = (z_mean[:, :1] > 0).astype(int)
    values = lib.measure(z_mean, z_logvar, factors, ["raw"], batch_size=100)
    assert values["tc_mean"] == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.03)
    sampled = -0.5 * np.log(1 - (0.8 / 1.01) ** 2)
    assert values["tc_sample"] == pytest.approx(sampled, abs=0.03)
    assert values["tc_gap"] == values["tc_mean"] - values["tc_sample"]
    assert values["tc_mean_active"] == pytest.approx(values["tc_mean"], abs=1e-3)
    assert values["num_active"] == 2
    kl = 0.5 * np.mean(np.sum(z_mean**2 + np.exp(z_logvar) - z_logvar - 1, 1))
    assert values["kl"] == pytest.approx(kl)
    scores = measures.mig_variants(z_mean, factors)
    assert values["mig"] == pytest.approx(scores["mig"])
    noise = np.random.RandomState(0).standard_normal(z_mean.shape)
    z = z_mean + np.exp(z_logvar / 2) * noise
    first = (array[:100] for array in (z, z_mean, z_logvar))
    assert values["tc_raw"] == tc.minibatch(*first, "raw")


def test_one_active_latent_has_no_total_correlation_of_its_own():
    z_mean = np.random.RandomState(0).randn(200, 3).astype(np.float32)
    z_logvar = np.tile(np.log([1e-3, 1e3, 1e3]), (200, 1))
    factors = (z_mean[:, :1] > 0).astype(int)
    values = lib.measure(z_mean, z_logvar, factors)
    assert values["num_active"] == 1
    assert np.isnan(values["tc_mean_active"]) and np.isnan(values["tc_sample_active"])
    assert np.isfinite(values["tc_mean"]) and np.isfinite(values["mig"])


def test_float32_copies_are_copies():
    z_mean = np.random.RandomState(0).randn(200, 2).astype(np.float32)
    z_mean[:, 1] = np.float32(3.0) * z_mean[:, 0] + np.float32(0.1)
    factors = (z_mean[:, :1] > 0).astype(int)
    values = lib.measure(z_mean, np.full((200, 2), -9.0), factors)
    assert values["tc_mean"] == pytest.approx(-0.5 * np.log(2e-12), abs=0.4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 0}, "tc_monitor.every = 0: must be a number from 1 on"),
        ({"num_images": 1.5}, "tc_monitor.num_images = 1.5: must be"),
        ({"estimators": ["mwz"]}, "tc_monitor.estimators has 'mwz': choose among"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        tc_monitor(vae.BetaVAE(2.0), **settings)


def test_what_the_data_cannot_give_is_refused_before_training(tmp_path):
    for settings, message in (
        ({}, "tc_monitor needs a data set"),
        ({"estimators": ["mws"]}, "tc_monitor.estimators: dataset_size must be given"),
    ):
        model = tc_monitor(vae.BetaVAE(2.0), **settings)
        trained = tiny_models.make_estimator(model, tmp_path / "model")
        with pytest.raises(UserError, match=message):
            trained.train(lambda params: tf.zeros([8, 64, 64, 1]), 1)
    assert list(tmp_path.iterdir()) == []
