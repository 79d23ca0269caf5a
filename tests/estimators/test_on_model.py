# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest

from rtc_plugin.errors import UserError

hub = pytest.importorskip("tensorflow_hub")
tf = pytest.importorskip("tensorflow.compat.v1")
on_model = pytest.importorskip("rtc_plugin.estimators.on_model")


def write_module(model_dir, dataset="dummy_data"):
    """A module as dlib_train exports it: three pixels are the means of a code."""

    def module_fn():
        images = tf.placeholder(tf.float32, [None, 64, 64, 1])
        mean = tf.reshape(images, [-1, 64 * 64])[:, 1000:1003]
        outputs = dict(mean=mean, logvar=mean - 3.0)
        hub.add_signature("gaussian_encoder", dict(images=images), outputs)

    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        module.export(str(model_dir / "tfhub"), session)
    gin_dir = model_dir / "results" / "gin"
    gin_dir.mkdir(parents=True)
    (gin_dir / "train.gin").write_text(f"dataset.name = '{dataset}'\n")


def test_compares_with_the_exact_value(tmp_path):
    write_module(tmp_path / "model")
    results = on_model.run(
        str(tmp_path / "model"),
        str(tmp_path / "out"),
        batch_sizes=(16, 64, 10_000),
        dataset_sizes=(100, 300),
        repetitions=5,
        num_samples=500,
        discriminator_steps=50,
    )
    assert set(results["dataset_size"]) == {100, 300}
    # Nothing beyond N, and the exact value once per N.
    assert set(results["batch_size"]) == {16, 64, 100, 300}
    assert np.sum(results["estimator"] == "mixture") == 2
    assert {"knn", "tree"} <= set(results["estimator"])
    exact = results[results["estimator"] == "mixture"].set_index("dataset_size")
    for row in results.itertuples():
        assert row.tc_sample_true == exact["mean"][row.dataset_size]
    # Fifty steps make no discriminator; mss_sym's target is that very mixture.
    mss = results[results["estimator"] == "mss_sym"]
    assert (mss["mean"] - mss["tc_sample_true"]).abs().max() < 0.2
    read = pd.read_csv(tmp_path / "out" / "results.csv")
    pd.testing.assert_frame_equal(read, results, check_dtype=False)
    assert (tmp_path / "out" / "on_model.png").exists()
    text = (tmp_path / "out" / "on_model.md").read_text()
    assert "N = 300: exact total correlation" in text and "| mss_sym |" in text


def test_encodings_are_the_modules(tmp_path):
    write_module(tmp_path)
    z_mean, z_logvar = on_model.encode_model(str(tmp_path), 20)
    assert z_mean.shape == (20, 3)
    np.testing.assert_allclose(z_logvar, z_mean - 3.0, atol=1e-6)
    assert z_mean.std() > 0
    again, _ = on_model.encode_model(str(tmp_path), 20)
    np.testing.assert_array_equal(again, z_mean)


def test_encoded_dataset_draws_from_its_mixture():
    random = np.random.default_rng(0)
    mean = random.standard_normal((50, 1))
    dataset = on_model.EncodedDataset(
        np.concatenate([mean, mean], axis=1), np.full((50, 2), -2.0)
    )
    z, z_mean, _ = dataset.draw(random, 50)
    assert len(np.unique(z_mean[:, 0])) == 50  # Without replacement.
    z, _, _ = dataset.draw(random, 20_000)
    independent = dataset.draw_independent(random, 20_000)
    for codes in (z, independent):
        np.testing.assert_allclose(codes.mean(axis=0), dataset.center, atol=0.05)
        np.testing.assert_allclose(codes.std(axis=0), dataset.scale, rtol=0.05)
    assert np.corrcoef(z.T)[0, 1] > 0.5
    assert abs(np.corrcoef(independent.T)[0, 1]) < 0.05


def test_user_errors(tmp_path):
    out = str(tmp_path / "out")
    with pytest.raises(
        UserError, match="--model_dir=.* holds no results/gin/train.gin"
    ):
        on_model.run(str(tmp_path / "nothing"), out)
    with pytest.raises(UserError, match="--estimators mixture: choose from raw"):
        on_model.run(str(tmp_path), out, estimators=["mixture"])
    with pytest.raises(UserError, match="--batch_sizes 1: at least 2"):
        on_model.run(str(tmp_path), out, batch_sizes=(1,))
    write_module(tmp_path / "model")
    with pytest.raises(UserError, match="--dataset_size 10: smaller than any batch"):
        on_model.run(str(tmp_path / "model"), out, dataset_sizes=(10,))
