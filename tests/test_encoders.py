# SPDX-License-Identifier: Apache-2.0
"""Encoders of every framework give the codes that NumPy gives for the same weights."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from run_rtc import rtc

from rtc_plugin import encoders, measure
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.errors import UserError

SIZES = [3, 2, 4]
FACTORS = np.stack(np.unravel_index(np.arange(24), SIZES), axis=1)
IMAGES = np.random.RandomState(0).randint(256, size=(24, 8, 8, 3)).astype(np.uint8)
OBSERVATIONS = IMAGES / np.float32(255)
_RANDOM = np.random.RandomState(1)
WEIGHTS = _RANDOM.randn(192, 4).astype(np.float32) / 8
LOGVAR_WEIGHTS = _RANDOM.randn(192, 4).astype(np.float32) / 8


def expected(observations=OBSERVATIONS):
    """What all encoders here compute, from images [n, height, width, channels]."""
    flat = observations.reshape(len(observations), -1)
    return flat @ WEIGHTS, flat @ LOGVAR_WEIGHTS


# The same for an encoder of images [n, channels, height, width].
NCHW_ROWS = np.arange(192).reshape(8, 8, 3).transpose(2, 0, 1).ravel()


@pytest.fixture
def data(tmp_path):
    path = str(tmp_path / "data.npz")
    np.savez(path, images=IMAGES, labels=FACTORS)
    return named_data.open_data(path)


def assert_codes(found, observations=OBSERVATIONS):
    for array, values in zip(found, expected(observations)):
        np.testing.assert_allclose(array, values, rtol=1e-4, atol=1e-5)


def write_module(folder, monkeypatch, body, name="own_encoder"):
    np.savez(folder / "weights.npz", mean=WEIGHTS, logvar=LOGVAR_WEIGHTS)
    text = (
        f"import numpy as np\nw = np.load({str(folder / 'weights.npz')!r})\n"
        "flat = lambda x: x.reshape(len(x), -1)\n" + textwrap.dedent(body)
    )
    (folder / f"{name}.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)


BOTH = "def encode(x): return flat(x) @ w['mean'], flat(x) @ w['logvar']\n"


def test_function_of_a_module(tmp_path, monkeypatch):
    write_module(tmp_path, monkeypatch, BOTH)
    encode = encoders.open_encoder("own_encoder:encode", trust=True)
    assert_codes(encode(OBSERVATIONS))


def test_means_alone(tmp_path, monkeypatch):
    write_module(tmp_path, monkeypatch, "def encode(x): return flat(x) @ w['mean']")
    encode = encoders.open_encoder("own_encoder:encode", trust=True)
    means, logvars = encode(OBSERVATIONS)
    assert logvars is None
    assert_codes([means])


def test_axes_of_length_one_and_stacked_outputs(tmp_path, monkeypatch):
    body = (
        "def conv(x): return (flat(x) @ w['mean'])[:, :, None, None]\n"
        "def stacked(x):\n"
        "    return np.stack([flat(x) @ w['mean'], flat(x) @ w['logvar']], axis=1)\n"
    )
    write_module(tmp_path, monkeypatch, body)
    conv, stacked = (
        encoders.open_encoder(f"own_encoder:{name}", trust=True)
        for name in ("conv", "stacked")
    )
    assert_codes(conv(OBSERVATIONS)[:1])
    assert_codes(stacked(OBSERVATIONS))


def test_layout_and_range(tmp_path, monkeypatch):
    body = "seen = []\ndef encode(x):\n    seen.append(x)\n    return flat(x)[:, :3]\n"
    write_module(tmp_path, monkeypatch, body)
    encode = encoders.open_encoder(
        "own_encoder:encode", trust=True, layout="nchw", value_range=(-1.0, 1.0)
    )
    encode(OBSERVATIONS)
    (seen,) = sys.modules["own_encoder"].seen
    assert seen.dtype == np.float32 and seen.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(
        seen, 2 * OBSERVATIONS.transpose(0, 3, 1, 2) - 1, atol=1e-6
    )


def test_outputs_are_chosen_by_name_or_position(tmp_path, monkeypatch):
    body = (
        "def three(x): return x, flat(x) @ w['mean'], flat(x) @ w['logvar']\n"
        "def named(x):\n"
        "    return {'x': x, 'a': flat(x) @ w['mean'], 'b': flat(x) @ w['logvar']}\n"
        "def known(x): return {'x': x, 'logvar': flat(x) @ w['logvar'],\n"
        "    'mu': flat(x) @ w['mean']}\n"
    )
    write_module(tmp_path, monkeypatch, body)

    def encode(name, outputs=()):
        function = encoders.open_encoder(
            f"own_encoder:{name}", trust=True, outputs=outputs
        )
        return function(OBSERVATIONS)

    assert_codes(encode("three", ("1", "2")))
    assert_codes(encode("named", ("a", "b")))
    assert_codes(encode("known"))
    with pytest.raises(UserError, match="gives 3 outputs .*--outputs"):
        encode("three")
    with pytest.raises(UserError, match="no output 'c'; it has x, a, b"):
        encode("named", ("c",))
    with pytest.raises(UserError, match=r"for 24 images, not \[24, num_latent\]"):
        encode("three", ("0",))


@pytest.mark.parametrize(
    "name",
    ["own_encoder:encode", "vae.pt", "vae.pt2", "vae.pth", "vae.ts", "saved_model"],
)
def test_programs_are_not_run_without_trust(name, tmp_path, monkeypatch):
    write_module(tmp_path, monkeypatch, "open('has_run', 'w').close()\n" + BOTH)
    if name == "saved_model":
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    elif ":" not in name:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match="is a program .* add --trust if you know"):
        encoders.open_encoder(name)
    assert not (tmp_path / "has_run").exists()


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere.onnx", "is no file or folder"),
        ("no_module_here:encode", "cannot be imported"),
        ("os.path:no_function", "cannot be imported"),
        ("vae.bin", "ends in none of .onnx"),
        ("empty", "has no saved_model.pb"),
    ],
)
def test_what_is_no_encoder_is_one_line(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vae.bin").write_bytes(b"0")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message) as error:
        encoders.open_encoder(name, trust=True)
    assert "\n" not in str(error.value)


def test_error_within_an_encoder_is_one_line_with_the_shape(tmp_path, monkeypatch):
    write_module(tmp_path, monkeypatch, BOTH)
    encode = encoders.open_encoder("own_encoder:encode", trust=True)
    with pytest.raises(UserError, match=r"images of shape \[24, 8, 7, 3\].*nhwc"):
        encode(OBSERVATIONS[:, :, :7])


@pytest.mark.parametrize("package, ending", [("onnxruntime", "onnx"), ("torch", "pt")])
def test_missing_package_is_named_with_its_extra(
    package, ending, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"0")
    extra = ending if ending == "onnx" else "torch"
    with pytest.raises(UserError, match=rf"needs {package}: .*rtc_plugin\[{extra}\]"):
        encoders.open_encoder(str(path), trust=True)


def test_imports_no_framework():
    code = "import sys, rtc_plugin.encoders; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "onnxruntime", "tensorflow", "gin"} & set(out)


def linear_torch(torch, rows):
    """Returns a module of images [n, channels, height, width]."""

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = torch.nn.Linear(192, 4, bias=False)
            self.logvar = torch.nn.Linear(192, 4, bias=False)
            for layer, weights in ((self.mean, WEIGHTS), (self.logvar, LOGVAR_WEIGHTS)):
                layer.weight.data = torch.from_numpy(weights[rows].T.copy())

        def forward(self, x):
            x = x.flatten(1)
            return self.mean(x), self.logvar(x)

    return Encoder().eval()


@pytest.mark.parametrize("how", ["script", "trace", "export"])
def test_files_of_torch(how, tmp_path):
    torch = pytest.importorskip("torch")
    model, example = linear_torch(torch, NCHW_ROWS), torch.zeros(2, 3, 8, 8)
    path = str(tmp_path / ("vae.pt2" if how == "export" else "vae.pt"))
    if how == "export":
        batch = {0: torch.export.Dim("batch")}
        program = torch.export.export(model, (example,), dynamic_shapes=(batch,))
        torch.export.save(program, path)
    else:
        made = torch.jit.script(model) if how == "script" else None
        (made or torch.jit.trace(model, example)).save(path)
    encode = encoders.open_encoder(path, trust=True, layout="nchw")
    assert_codes(encode(OBSERVATIONS))
    assert_codes(encode(OBSERVATIONS[:1]), OBSERVATIONS[:1])


def test_weights_alone_are_no_encoder(tmp_path):
    torch = pytest.importorskip("torch")
    path = str(tmp_path / "vae.pth")
    torch.save(linear_torch(torch, NCHW_ROWS).state_dict(), path)
    with pytest.raises(UserError, match="weights alone are no encoder"):
        encoders.open_encoder(path, trust=True)


@pytest.mark.parametrize("batch", ["n", 5])
@pytest.mark.parametrize("names", [("mu", "logvar"), ("logvar", "mu")])
def test_onnx(batch, names, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = {"mu": WEIGHTS, "logvar": LOGVAR_WEIGHTS}
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["images"], ["flat"], axis=1)]
        + [helper.make_node("MatMul", ["flat", f"w_{n}"], [n]) for n in names],
        "encoder",
        [helper.make_tensor_value_info("images", floats, [batch, 8, 8, 3])],
        [helper.make_tensor_value_info(name, floats, [batch, 4]) for name in names],
        [onnx.numpy_helper.from_array(weights[n], f"w_{n}") for n in names],
    )
    path = str(tmp_path / "vae.onnx")
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    encode = encoders.open_encoder(path)  # Data, which needs no trust.
    assert_codes(encode(OBSERVATIONS))
    assert_codes(encode(OBSERVATIONS[:5]), OBSERVATIONS[:5])


def test_damaged_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "vae.onnx").write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged or no ONNX"):
        encoders.open_encoder(str(tmp_path / "vae.onnx"))


def run_python(code, *arguments):
    """Runs code in a process whose TensorFlow nobody has changed."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        check=True,
        capture_output=True,
    )


def test_saved_model(tmp_path):
    np.savez(tmp_path / "w.npz", mean=WEIGHTS, logvar=LOGVAR_WEIGHTS)
    code = """
    import sys
    import numpy as np, tensorflow as tf
    w = np.load(sys.argv[1] + "/w.npz")
    class Encoder(tf.Module):
        def __init__(self):
            self.mean, self.logvar = tf.Variable(w["mean"]), tf.Variable(w["logvar"])
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32)])
        def __call__(self, images):
            flat = tf.reshape(images, [-1, 192])
            return {"mean": flat @ self.mean, "logvar": flat @ self.logvar}
    model = Encoder()
    tf.saved_model.save(model, sys.argv[1] + "/saved", signatures=model.__call__)
    """
    run_python(code, tmp_path)
    encode = encoders.open_encoder(str(tmp_path / "saved"), trust=True)
    assert_codes(encode(OBSERVATIONS))
    with pytest.raises(UserError, match="no signature other, but serving_default"):
        encoders.open_encoder(str(tmp_path / "saved"), trust=True, signature="other")


def test_module_of_the_library():
    import tensorflow_hub as hub

    path = os.path.join(os.path.dirname(__file__), "data", "home_ground_module")
    images = np.random.RandomState(2).rand(4, 64, 64, 1).astype(np.float32)
    found = encoders.open_encoder(path, trust=True)(images)
    # As the library's postprocessing asks it.
    with hub.eval_function_for_module(path) as f:
        known = f({"images": images}, signature="gaussian_encoder", as_dict=True)
    np.testing.assert_allclose(found[0], known["mean"], atol=1e-5)
    np.testing.assert_allclose(found[1], known["logvar"], atol=1e-5)


def linear(images):
    return expected(images)


def test_whole_data_set_is_encoded_in_order(data):
    found = encoders.encode_data(linear, data, batch_size=5)
    assert_codes([found["codes"], found["logvar"]])
    np.testing.assert_array_equal(found["factors"], FACTORS)
    assert list(found["factors"].columns) == ["factor_0", "factor_1", "factor_2"]


def test_images_are_drawn_without_repetition(data):
    found = encoders.encode_data(linear, data, num_images=10, seed=3)
    rows = np.ravel_multi_index(tuple(found["factors"].to_numpy().T), SIZES)
    assert len(set(rows)) == 10
    assert_codes([found["codes"], found["logvar"]], OBSERVATIONS[rows])
    again = encoders.encode_data(linear, data, num_images=10, seed=3)
    np.testing.assert_array_equal(again["codes"], found["codes"])


def test_sampler_gives_codes_of_chosen_factors_and_encodes_each_image_once(data):
    calls = []

    def counted(images):
        calls.append(len(images))
        return expected(images)

    sampler = encoders.EncodedData(counted, data, batch_size=6)
    state = np.random.RandomState(0)
    for _ in range(3):
        factors = sampler.sample_factors(40, state)
        rows = np.ravel_multi_index(tuple(factors.T), SIZES)
        assert_codes([sampler.codes(factors, state)], OBSERVATIONS[rows])
    assert calls == [6, 1, 6, 6, 6]  # One alone, to see that company does not matter.


def test_encoder_that_depends_on_its_batch_is_refused(data):
    noise = np.random.RandomState(0)
    for encoder in (
        lambda x: (x.reshape(len(x), -1)[:, :3] - x.mean(), None),
        lambda x: (noise.randn(len(x), 3), None),
    ):
        with pytest.raises(UserError, match="alone than in a batch.*evaluation mode"):
            encoders.encode_data(encoder, data)


def test_images_without_a_sampler(tmp_path):
    path = str(tmp_path / "part.npz")
    np.savez(path, images=IMAGES[:20], labels=FACTORS[:20])
    found = encoders.encode_data(linear, named_data.open_data(path))
    assert found["sampler"] is None and found["factors"].shape == (20, 3)
    np.savez(path, images=IMAGES)
    found = encoders.encode_data(linear, named_data.open_data(path))
    assert found["sampler"] is None and found["factors"] is None
    assert_codes([found["codes"], found["logvar"]])


class Noisy(type(named_data.open_data("dsprites_rendered"))):
    """Images that differ in more than their factors."""

    def sample_observations_from_factors(self, factors, random_state):
        clean = super().sample_observations_from_factors(factors, random_state)
        return clean + random_state.rand(*clean.shape).astype(np.float32)


def test_data_set_whose_images_are_random_is_drawn():
    def mean(images):
        return images.reshape(len(images), -1)[:, :3], None

    found = encoders.encode_data(mean, Noisy(), num_images=30, batch_size=16)
    assert found["codes"].shape == (30, 3) and found["factors"].shape == (30, 5)
    state = np.random.RandomState(0)
    factors = np.zeros((2, 5), np.int64)
    first, second = (found["sampler"].codes(factors, state) for _ in range(2))
    assert not np.array_equal(first, second)


def write_data(folder):
    np.savez(folder / "data.npz", images=IMAGES, labels=FACTORS)


def test_command_measures_an_encoder_with_its_sampler(tmp_path, monkeypatch):
    write_module(tmp_path, monkeypatch, BOTH)
    write_data(tmp_path)
    flags = ["--encoder=own_encoder:encode", "--data=data.npz", "-o", "scores.json"]
    flags.append("--metrics=tc_disparity,factor_vae_metric")
    refused = rtc("measure", *flags, cwd=tmp_path)
    assert refused.returncode == 1 and "add --trust" in refused.stderr
    done = rtc("measure", *flags, "--trust", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    values = {name: found["value"] for name, found in scores["scores"].items()}
    means, logvars = expected()
    report = measure(
        means, FACTORS, logvar=logvars, metrics=["tc_disparity", "factor_vae_metric"]
    )
    assert values["tc_mean"] == pytest.approx(report.scores["tc_mean"].value, abs=1e-5)
    assert 0 <= values["factor_vae"] <= 1


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--encoder=own_encoder:encode"], "--encoder needs --data"),
        (["--data=data.npz"], "--data needs --encoder"),
        (["codes.npz", "--encoder=a:b", "--data=data.npz"], "give either CODES_FILE"),
        ([], "give either CODES_FILE"),
        (["--encoder=own_encoder:encode", "--data=nil.npz", "--trust"], "'nil.npz' is"),
        (["--encoder=a:b", "--data=data.npz", "--range=1,0"], "two numbers that rise"),
    ],
)
def test_command_says_in_one_line_what_is_missing(
    flags, message, tmp_path, monkeypatch
):
    write_module(tmp_path, monkeypatch, BOTH)
    write_data(tmp_path)
    done = rtc("measure", *flags, cwd=tmp_path)
    assert done.returncode in (1, 2) and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
