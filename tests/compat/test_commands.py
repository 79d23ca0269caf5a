# SPDX-License-Identifier: Apache-2.0
"""What the commands say when the user can mend the error."""

import os
import subprocess
import sys

import gin
import pytest
import tiny_vae
from disentanglement_lib.config import reproduce
from disentanglement_lib.data.ground_truth import named_data
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.methods.unsupervised import train
from disentanglement_lib.postprocessing import postprocess

from rtc_plugin.compat import commands
from rtc_plugin.errors import UserError


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def explanation(function, *args, **kwargs):
    """The line that a command would end in; None if it would show a traceback."""
    with pytest.raises(BaseException) as caught:
        function(*args, **kwargs)
    return commands.explain(caught.value, caught.tb)


def train_with(tmp_path, *bindings, **kwargs):
    model_dir = str(tmp_path / "model")
    return explanation(
        train.train_with_gin,
        model_dir,
        gin_bindings=[*tiny_vae.BINDINGS, *bindings],
        **kwargs,
    )


@pytest.mark.parametrize(
    "binding, says",
    [
        ("dataset.name = 'shapes4d'", "dataset.name = 'shapes4d'.*known are: .*cars3d"),
        ("model.model = @rtc_vea()", "rtc_vea"),
        ("vae.bta = 2", "bta"),
        ("vae.beta = 2 3", "vae.beta = 2 3"),
        ("model.training_stepz = 2", "training_stepz"),
        ("model.model = @rtc_vae()\nrtc_vae.beta = -1.", "rtc_vae.beta.*-1"),
        ("model.model = @rtc_vae()\nrtc_vae.beta = 1\nrtc_vae.eta = -1", "rtc_vae.eta"),
        ("model.model = @rtc_vae()", "beta"),
    ],
)
def test_a_wrong_binding_is_named_and_nothing_is_written(tmp_path, binding, says):
    import re

    line = train_with(tmp_path, *binding.split("\n"))
    assert line is not None and "\n" not in line
    assert re.search(says, line), line
    assert list(tmp_path.iterdir()) == []


def test_batch_size_one_is_refused_by_a_model_that_permutes(tmp_path):
    line = train_with(
        tmp_path,
        "model.model = @rtc_vae()",
        "rtc_vae.beta = 1.",
        "model.batch_size = 1",
        "discriminator.discriminator_fn = @fc_discriminator",
        "discriminator_optimizer.optimizer_fn = @AdamOptimizer",
    )
    assert "batch_size" in line
    assert list(tmp_path.iterdir()) == []


def test_a_missing_binding_is_named(tmp_path):
    bindings = [line for line in tiny_vae.BINDINGS if "training_steps" not in line]
    line = explanation(
        train.train_with_gin, str(tmp_path / "model"), gin_bindings=bindings
    )
    assert "training_steps" in line
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_data_set_is_told_what_to_bind(tmp_path):
    line = explanation(
        train.train_with_gin,
        str(tmp_path / "model"),
        gin_config_files=["gin/models/betavae.gin"],
    )
    assert "dataset.name has no value" in line
    assert list(tmp_path.iterdir()) == []


def test_a_missing_config_file_is_named(tmp_path):
    line = train_with(tmp_path, gin_config_files=["no/such.gin"])
    assert "no/such.gin" in line


def test_an_existing_model_dir_is_named_with_the_remedy(tmp_path):
    (tmp_path / "model").mkdir()
    line = train_with(tmp_path)
    assert "--model_dir" in line and "--overwrite" in line


def test_an_unfinished_step_is_no_input_for_the_next(tmp_path):
    line = explanation(postprocess.postprocess, str(tmp_path), str(tmp_path / "out"))
    assert "--model_dir" in line and "dlib_train" in line
    line = explanation(evaluate.evaluate, str(tmp_path), str(tmp_path / "out"))
    assert "--input_dir" in line and "dlib_postprocess" in line


def test_a_metric_of_the_library_refuses_means_with_variances(tmp_path):
    (tmp_path / "tfhub").mkdir()
    config = tmp_path / "results" / "gin" / "postprocess.gin"
    config.parent.mkdir(parents=True)
    config.write_text("postprocess.postprocess_fn = @mean_and_logvar_representation\n")
    gin.parse_config("evaluation.evaluation_fn = @mig")
    line = explanation(evaluate.evaluate, str(tmp_path), str(tmp_path / "out"))
    assert "@mig" in line and "mean.gin" in line
    assert not (tmp_path / "out").exists()


def test_an_unknown_study_lists_the_known_ones():
    line = explanation(lambda: reproduce.STUDIES["my_study"])
    assert "--study=my_study" in line and "unsupervised_study_v1" in line


def test_a_fault_of_the_program_is_not_explained_away():
    assert commands.explain(ZeroDivisionError("division by zero")) is None


def test_a_known_name_keeps_its_place_in_the_saved_configuration():
    gin.bind_parameter("dataset.name", "dummy_data")
    named_data.get_named_ground_truth_data()
    assert "dataset.name = 'dummy_data'" in gin.operative_config_str()


def test_interruption_is_explained():
    assert commands.explain(KeyboardInterrupt("stopped")) == "stopped"


# What TensorFlow 2.21 prints by itself, without a driver for GPUs, and a real error.
NEWS = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:17.5 1 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU \
will not be used.
E0000 00:00:17.5 1 cuda_fft.cc:467] Unable to register cuFFT factory: Attempting to
E0000 00:00:17.5 1 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
E0000 00:00:17.5 1 cuda_blas.cc:9] out of memory
"""
CUINIT, MEMORY = NEWS.splitlines()[3:]


def load_noisily(tmp_path, ending="", has_driver=False, **environment):
    """What a command shows that imports a `tensorflow` which prints `NEWS`."""
    (tmp_path / "tensorflow.py").write_text(
        "import os, types\n"
        f"def say(): os.write(2, {NEWS!r}.encode())\n"
        f"say()\n{ending}\n"
        "config = types.SimpleNamespace(list_physical_devices=say)\n"
    )
    code = f"""
import sys
from rtc_plugin import hook
from rtc_plugin.compat import commands
sys.argv[0] = "rtc"
hook.PATCHES["tensorflow"] = []
hook._FINDER.active = True
commands._has_cuda_driver = lambda: {has_driver}
commands.quieten_tensorflow()
import tensorflow
print("end", file=sys.stderr)
"""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**inherited, "PYTHONPATH": paths, **environment},
    )
    return done.stderr.splitlines()


def test_a_command_hides_that_there_is_no_gpu_and_no_real_error(tmp_path):
    assert load_noisily(tmp_path) == [MEMORY, MEMORY, "end"]


def test_a_driver_that_fails_is_no_news_to_hide(tmp_path):
    assert load_noisily(tmp_path, has_driver=True) == [CUINIT, MEMORY, "end"]


def test_the_last_words_of_a_crash_are_shown(tmp_path):
    ending = "os.write(2, b'F0000 no AVX\\n'); os.abort()"
    assert load_noisily(tmp_path, ending)[:2] == [MEMORY, "F0000 no AVX"]


def test_the_users_own_level_brings_everything_back(tmp_path):
    shown = load_noisily(tmp_path, TF_CPP_MIN_LOG_LEVEL="0")
    assert shown == [*NEWS.splitlines(), "end"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [("/bin/rtc", True), ("dlib_train", True), ("rtc_worker", True), ("rtcx", False)],
)
def test_what_counts_as_a_command(monkeypatch, program, expected):
    monkeypatch.setattr(sys, "argv", [program])
    assert commands.is_command() is expected


def run_dlib_train(*flags):
    command = os.path.join(os.path.dirname(sys.executable), "dlib_train")
    return subprocess.run(
        [sys.executable, command, *flags], capture_output=True, text=True
    )


def test_the_command_ends_in_one_line_and_debug_brings_the_traceback(tmp_path):
    flags = [f"--model_dir={tmp_path}", "--gin_bindings=dataset.name='dummy_data'"]
    plain = run_dlib_train(*flags)
    assert plain.returncode == 2
    assert "Traceback" not in plain.stderr
    assert plain.stderr.strip().splitlines()[-1].startswith("dlib_train: --model_dir=")
    debug = run_dlib_train(*flags, "--debug")
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr and UserError.__name__ in debug.stderr
