# SPDX-License-Identifier: Apache-2.0
"""A command line that cannot work is refused before TensorFlow is loaded."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from disentanglement_lib.config import reproduce  # noqa: F401
from disentanglement_lib.evaluation import evaluate  # noqa: F401
from disentanglement_lib.methods.unsupervised import train  # noqa: F401
from disentanglement_lib.postprocessing import postprocess  # noqa: F401

from rtc_plugin.compat import early_checks
from rtc_plugin.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
TWIN = "dataset.name = 'shapes3d_rendered'"
CANNOT_WORK = {
    "model.training_steps": ("'x'", "None", "1.5", "0", "True"),
    "model.batch_size": ("'x'", "0", "-4"),
    "model.random_seed": ("-1", "5000000000.0", "5000000000", "'x'"),
    "model.model": ("3", "'vae'"),
    "encoder.num_latent": ("0", "-3", "2.0"),
    "vae/AdamOptimizer.learning_rate": ("'x'", "0", "-0.1"),
    "mig.num_train": ("0", "-5", "[]"),
    "downstream_task.num_train": ("[10, 0]",),
    "discretizer.num_bins": ("0",),
}
GIN_FILES = sorted(
    path
    for folder in ("gin", "rtc_plugin/config")
    for path in (ROOT / folder).rglob("*.gin")
)


def test_the_table_has_all_that_is_registered():
    script = ROOT / "scripts/maintenance/record_configurables.py"
    if not script.exists():
        pytest.skip("the scripts are beside the package in the repository only")
    with open(early_checks.TABLE) as file:
        table = json.load(file)
    # In a process of its own: tests register configurables, too.
    code = (
        "import json, runpy, sys; "
        "print(json.dumps(runpy.run_path(sys.argv[1])['record']()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    for selector, parameters in json.loads(done.stdout.splitlines()[-1]).items():
        assert set(parameters) <= set(table.get(selector, ())), (selector, script)


@pytest.mark.parametrize("path", GIN_FILES, ids=lambda path: path.name)
def test_no_gin_file_of_ours_is_refused(path):
    early_checks.read_bindings([str(path)], [])


@pytest.mark.parametrize("command", ["dlib_train", "dlib_postprocess", "dlib_evaluate"])
def test_what_is_in_order_passes(command, tmp_path):
    for folder, file in (("in/tfhub", None), ("in/results/gin", "postprocess.gin")):
        (tmp_path / folder).mkdir(parents=True)
        if file:
            (tmp_path / folder / file).touch()
    given = "input_dir" if command == "dlib_evaluate" else "model_dir"
    output = "model_dir" if command == "dlib_train" else "output_dir"
    flags = [f"--{output}={tmp_path / 'out'}"]
    if command != "dlib_train":
        flags += [f"--{given}={tmp_path / 'in'}"]
    early_checks.check([f"/bin/{command}", *flags, f"--gin_bindings={TWIN}"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--gin_config=absent.gin"], "--gin_config=absent.gin: there is no such file"),
        (["--gin_bindings", "rtc_vae.bta = 1"], "did you mean rtc_vae.beta"),
        (["--gin_bindings=rtc_vea.beta = 1"], "no configurable rtc_vea; .*rtc_vae"),
        (["--gin_bindings=model.model = @rtc_va()"], "no configurable rtc_va;"),
        (["--gin_bindings=vae/AdamOptimizer.rate = 1"], "AdamOptimizer.*learning_rate"),
        (
            ["--gin_bindings=dataset.name = 'shapes'"],
            "'shapes' is not a known data set",
        ),
        (["--gin_bindings=dataset.name = 'cars3d'"], "cars3d.* is missing"),
        ([f"--gin_bindings={TWIN}", "--model_dir=."], "--model_dir=. exists already"),
        ([f"--gin_bindings={TWIN}", "--model_dir=/proc/x"], "/proc is not writable"),
        ([f"--gin_bindings={TWIN}"], "--model_dir is missing"),
        (["--gin_config", "a.gin", "b.gin"], "b.gin belongs to no flag"),
        (["--gin_config=/dev/urandom"], "/dev/urandom: that is a device"),
        *(
            (
                [f"--gin_bindings={name} = {value}"],
                f"{name.rpartition('/')[2]} = {re.escape(value)}: must",
            )
            for name, values in CANNOT_WORK.items()
            for value in values
        ),
    ],
)
def test_what_cannot_work_is_named(flags, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISENTANGLEMENT_LIB_DATA", str(tmp_path))
    with pytest.raises(UserError, match=message):
        early_checks.check(["dlib_train", *flags])


def test_a_model_is_not_taken_for_a_representation(tmp_path):
    (tmp_path / "tfhub").mkdir()
    (tmp_path / "results/gin").mkdir(parents=True)
    (tmp_path / "results/gin/train.gin").touch()
    flags = [f"--input_dir={tmp_path}", f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(UserError, match="a model, not a representation"):
        early_checks.check(["dlib_evaluate", *flags])


@pytest.fixture
def evaluating(tmp_path):
    """The command line of an evaluation, but for what is to be evaluated."""
    (tmp_path / "tfhub").mkdir()
    (tmp_path / "results/gin").mkdir(parents=True)
    config = "postprocess.postprocess_fn = @mean_representation\n"
    (tmp_path / "results/gin/postprocess.gin").write_text(config)
    return [
        "dlib_evaluate",
        f"--input_dir={tmp_path}",
        f"--output_dir={tmp_path / 'out'}",
    ]


def test_a_metric_of_other_representations_is_refused(evaluating):
    lines = "applies_to.representations = ('mean_and_logvar',)"
    with pytest.raises(UserError, match="is of mean, .* one of: mean_and_logvar"):
        early_checks.check([*evaluating, f"--gin_bindings={lines}"])
    lines = "applies_to.representations = ('mean',)"
    early_checks.check([*evaluating, f"--gin_bindings={lines}"])


def test_a_pattern_of_metrics_must_match_and_each_file_is_checked(evaluating, tmp_path):
    (tmp_path / "out").mkdir()
    check = [*evaluating, f"--gin_evaluation_config_glob={tmp_path}/*.gin"]
    with pytest.raises(UserError, match=r"\*\.gin matches no file"):
        early_checks.check(check)
    (tmp_path / "m.gin").write_text("mig.num_train = 10")
    early_checks.check(check)  # The folder of all metrics may be there already.
    (tmp_path / "out/m").mkdir()
    with pytest.raises(UserError, match="out/m exists already"):
        early_checks.check(check)
    early_checks.check([*check, "--overwrite"])
    (tmp_path / "m.gin").write_text("mig.num_trian = 10")
    with pytest.raises(UserError, match=r"m\.gin: mig\.num_trian"):
        early_checks.check([*check, "--overwrite"])


def test_a_run_that_was_to_replace_a_model_may_go_on(tmp_path):
    command = ["dlib_train", f"--gin_bindings={TWIN}", f"--model_dir={tmp_path / 'm'}"]
    (tmp_path / "m").mkdir()
    (tmp_path / "m.partial/tf_checkpoint").mkdir(parents=True)
    for name in ("config.gin", "tf_checkpoint/model.ckpt-4.index"):
        (tmp_path / "m.partial" / name).touch()
    with pytest.raises(UserError, match="exists already"):
        early_checks.check(command)
    (tmp_path / "m.partial/overwrite").touch()
    early_checks.check(command)


def test_a_name_in_an_included_file_is_checked(tmp_path):
    (tmp_path / "inner.gin").write_text("rtc_vae.bta = 1")
    (tmp_path / "outer.gin").write_text("include 'inner.gin'")
    with pytest.raises(UserError, match=r"inner\.gin: rtc_vae\.bta"):
        early_checks.read_bindings([str(tmp_path / "outer.gin")], [])


def test_a_file_that_only_gin_finds_is_left_to_it(tmp_path, monkeypatch):
    (tmp_path / "left_to_gin").mkdir()
    (tmp_path / "left_to_gin" / "__init__.py").write_text("")
    (tmp_path / "left_to_gin" / "x.gin").write_text("my_model.size = 1")
    monkeypatch.syspath_prepend(tmp_path)
    early_checks.read_bindings(["left_to_gin/x.gin", "gs://bucket/x.gin"], ["a.b = 1"])


def test_our_files_are_found_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["gin/models/rtcvae.gin", "gin/data/cars3d.gin"]
    assert early_checks.read_bindings(names, [])["dataset.name"] == "cars3d"


def test_names_are_left_to_gin_where_the_users_own_module_may_bring_them():
    lines = ["import my_module", "my_model.size = 1", "model.model = @my_model()"]
    early_checks.read_bindings([], lines)


def test_the_last_binding_counts_and_a_scope_keeps_apart():
    lines = ["model.batch_size = 1", "model.batch_size = 2", "a/model.batch_size = 3"]
    assert early_checks.read_bindings([], lines) == {"model.batch_size": 2}


def test_flags_are_read_as_absl_reads_them():
    flags = early_checks.parse_flags(
        ["--a=1", "-a", "2", "--overwrite", "y", "--b", "x", "--nooverwrite", "--", "c"]
    )
    assert flags == {
        "a": ["1", "2"],
        "overwrite": ["true", "false"],
        "b": ["x"],
        "": ["y"],
    }


def test_a_refused_command_has_not_loaded_tensorflow():
    code = (
        "import sys; sys.argv = ['dlib_train', '--gin_config=absent.gin']\n"
        "try:\n    import disentanglement_lib\n"
        "except SystemExit as error:\n    assert error.code == 2\n"
        "assert 'tensorflow' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    message = "dlib_train: --gin_config=absent.gin: there is no such file"
    assert done.stderr.startswith(message) and done.stderr.count("\n") == 1
