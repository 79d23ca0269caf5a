# SPDX-License-Identifier: Apache-2.0
import base64
import json

import gin
import numpy as np
import pytest
import tiny_vae
from disentanglement_lib.methods.unsupervised import train
from PIL import Image

from rtc_plugin.errors import UserError
from rtc_plugin.visualize import explorer


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("explorer") / "model")
    gin.clear_config()
    train.train_with_gin(
        folder,
        gin_bindings=[
            *tiny_vae.BINDINGS,
            "model.model = @tc_monitor()",
            "tc_monitor.model = @vae()",
            "tc_monitor.every = 1",
            "tc_monitor.num_images = 8",
            "model.training_steps = 2",
        ],
    )
    gin.clear_config()
    return folder


def test_the_explorer_of_a_model(model_dir, tmp_path):
    folder = tmp_path / "explorer"
    explorer.write_explorer(model_dir, str(folder), num_images=60, num_points=40)
    record = json.loads((folder / "explorer.json").read_text())
    steps = record["walks"]["steps"]
    assert Image.open(folder / "walks.jpg").size == (64 * steps, 64 * 3)
    width = 64 * record["reconstructions"]
    assert Image.open(folder / "reconstructions.jpg").size == (width, 128)
    assert record["curves"]["step"] == [0, 1, 2]
    assert "vae.beta = 1.0" in record["gin"]
    assert len(record["signal_share"]) == len(record["kl"]) == 3
    assert np.shape(record["r2"]) == (3, len(record["factor_names"]))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 400_000


def test_the_same_model_gives_the_same_explorer(model_dir, tmp_path):
    for name in ("a", "b"):
        explorer.write_explorer(model_dir, str(tmp_path / name), num_images=20)
    for file in ("explorer.json", "walks.jpg", "reconstructions.jpg"):
        assert (tmp_path / "a" / file).read_bytes() == (
            tmp_path / "b" / file
        ).read_bytes()


def test_an_older_explorer_is_replaced(model_dir, tmp_path):
    folder = tmp_path / "explorer"
    folder.mkdir()
    (folder / "old").write_text("")
    explorer.write_explorer(model_dir, str(folder), num_images=20)
    assert not (folder / "old").exists()


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(UserError, match="--model_dir=.*dlib_train"):
        explorer.write_explorer(str(tmp_path), str(tmp_path / "explorer"))
    assert not (tmp_path / "explorer").exists()


def test_points_can_be_read_back_to_a_byte():
    random = np.random.default_rng(0)
    z = random.standard_normal((300, 2))
    factors = np.stack([np.arange(300) % 5, np.zeros(300, int)], axis=1)
    record = explorer.describe(factors, z, np.full((300, 2), -9.0), num_points=100)
    points = record["points"]
    assert points["n"] == 100 and points["sizes"] == [5, 1]
    stored = np.frombuffer(base64.b64decode(points["z"]), np.uint8).reshape(100, 2)
    low, high = np.array(points["low"]), np.array(points["high"])
    inside = np.clip(z[:100], low, high)
    np.testing.assert_allclose(
        low + stored / 255 * (high - low), inside, atol=0.6 * (high - low).max() / 255
    )
    values = np.frombuffer(base64.b64decode(points["factors"]), np.uint8)
    np.testing.assert_array_equal(
        np.round(values.reshape(100, 2)[:, 0] / 255.0 * 4), factors[:100, 0]
    )


def test_the_spread_has_the_noise_in_it():
    """Means of -1 and 1 have variance 1, noise of mean variance 3 makes it 4."""
    z_mean = np.array([[-1.0, 0.0], [1.0, 0.0]])
    z_logvar = np.log([[2.0, 0.25], [4.0, 0.25]])
    spread = explorer.aggregated_spread(z_mean, z_logvar)
    np.testing.assert_allclose(spread, [2.0, 0.5])


def test_scores_of_known_codes():
    """Latent 0 is the factor, latent 1 its copy with noise, latent 2 constant."""
    random = np.random.default_rng(0)
    factors = random.integers(10, size=(500, 1))
    z = np.zeros((500, 3))
    z[:, 0] = factors[:, 0]
    z[:, 1] = factors[:, 0] + random.standard_normal(500) * 1e-3
    record = explorer.describe(factors, z, np.full((500, 3), -20.0))
    np.testing.assert_allclose(record["r2"], [[1], [1], [0]], atol=1e-3)
    np.testing.assert_allclose(record["nmi"], [[1], [1], [0]], atol=1e-3)
    assert record["correlation"][0][1] == pytest.approx(1.0, abs=1e-3)
    assert record["classes"] == ["active", "active", "passive"]
    json.dumps(record, allow_nan=False)
