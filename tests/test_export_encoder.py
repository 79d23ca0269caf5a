# SPDX-License-Identifier: Apache-2.0
"""A model trained here gives the same codes in ONNX and as npz."""

import sys

import gin
import numpy as np
import pytest
import tiny_vae
from disentanglement_lib.methods.unsupervised import train
from run_rtc import rtc

from rtc_plugin import encoders, export_encoder
from rtc_plugin.errors import UserError
from rtc_plugin.runs import read_training

FACTORS = np.stack(np.unravel_index(np.arange(24), [3, 2, 4]), axis=1)
IMAGES = np.random.RandomState(0).randint(256, size=(24, 64, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    path = str(folder / "own.npz")
    np.savez(path, images=IMAGES, labels=FACTORS)
    gin.clear_config()
    names = ["dataset.name = 'file_data'", f"file_data.path = '{path}'"]
    kept = [line for line in tiny_vae.BINDINGS if not line.startswith("dataset.")]
    # The library's own convolutions, which a conversion has to get right.
    kept = [line.replace("test_encoder", "conv_encoder") for line in kept]
    train.train_with_gin(str(folder / "model"), gin_bindings=kept + names)
    return str(folder / "model")


@pytest.fixture(scope="module")
def known(model_dir):
    encode = encoders.open_encoder(model_dir + "/tfhub", trust=True)
    return encode(IMAGES / np.float32(255))


def test_codes_as_npz(model_dir, known, tmp_path):
    output = str(tmp_path / "codes.npz")
    said = export_encoder.export(model_dir, output)
    assert "codes of 24 images" in said and "own.npz" in said
    with np.load(output) as arrays:
        np.testing.assert_allclose(arrays["z_mean"], known[0], atol=1e-5)
        np.testing.assert_allclose(arrays["z_logvar"], known[1], atol=1e-5)
        np.testing.assert_array_equal(arrays["factors"], FACTORS)
        assert list(arrays["factor_names"]) == ["factor_0", "factor_1", "factor_2"]
    done = rtc("measure", output, "--metrics=tc_disparity")
    assert done.returncode == 0 and "tc_mean" in done.stdout


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_encoder_as_onnx(layout, model_dir, known, tmp_path):
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    output = str(tmp_path / "encoder.onnx")
    export_encoder.export(model_dir, output, layout=layout)
    session = runtime.InferenceSession(output, providers=["CPUExecutionProvider"])
    images = IMAGES / np.float32(255)
    images = images.transpose(0, 3, 1, 2) if layout == "nchw" else images
    found = session.run(["z_mean", "z_logvar"], {"images": images})
    for array, values in zip(found, known):
        np.testing.assert_allclose(array, values, atol=1e-5)
    # And back again.
    encode = encoders.open_encoder(output, layout=layout)
    np.testing.assert_allclose(encode(IMAGES / np.float32(255))[1], known[1], atol=1e-5)


def test_what_is_missing_is_one_line(model_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    for folder, output, message in (
        (str(tmp_path), "a.onnx", "holds no tfhub module"),
        (model_dir, "a.pb", "ends in neither .onnx nor .npz"),
        (model_dir, str(tmp_path / "a.onnx"), r"pip install 'rtc_plugin\[export\]'"),
    ):
        with pytest.raises(UserError, match=message):
            export_encoder.export(folder, output)


def test_command(model_dir, tmp_path):
    output = tmp_path / "codes.npz"
    done = rtc(
        "export-encoder", f"--model_dir={model_dir}", "-o", output, "--num_images=10"
    )
    assert done.returncode == 0 and "codes of 10 images" in done.stdout
    assert np.load(output)["z_mean"].shape == (10, 3)


def test_what_it_was_trained_on_is_a_path(model_dir):
    name, _ = read_training(model_dir)
    assert name.endswith("own.npz")
