# SPDX-License-Identifier: Apache-2.0
"""The library's training is whole or absent, and a rerun continues it."""

import json
import os
import signal
import subprocess
import sys
import time

import gin
import pytest
from disentanglement_lib.methods.unsupervised import train
from disentanglement_lib.utils import resources

from rtc_plugin import files
from rtc_plugin.errors import UserError
from rtc_plugin.training import estimator, progress

CONFIG = resources.get_file("config/tests/methods/unsupervised/train_test.gin")
BINDINGS = ["model.training_steps = 6", "model.eval_steps = 2"]


@pytest.fixture(autouse=True)
def no_configuration_left():
    gin.clear_config()
    yield
    gin.clear_config()


def run(model_dir, *bindings, overwrite=False):
    gin.clear_config()
    train.train_with_gin(str(model_dir), overwrite, [CONFIG], [*BINDINGS, *bindings])


@pytest.fixture
def interrupt_at(monkeypatch):
    """Returns a function that has the next training interrupted at a step."""

    def prepare(step):
        class InterruptingProgress(progress.Progress):
            def update(self, now, values=None):
                super().update(now, values)
                if now == step:
                    monkeypatch.undo()
                    os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(estimator, "Progress", InterruptingProgress)

    return prepare


def read_results(model_dir):
    results = json.loads((model_dir / "results/json/train_results.json").read_text())
    return {k: v for k, v in results.items() if k not in ("uuid", "elapsed_time")}


def list_files(folder):
    """Returns the names below a folder; event files go by their kind."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)).split(".tfevents")[0] for path in files}


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, interrupt_at, capsys):
    run(tmp_path / "whole")
    interrupt_at(step=4)
    with pytest.raises(KeyboardInterrupt, match="step 4 of 6.* goes on from there"):
        run(tmp_path / "interrupted")
    assert not (tmp_path / "interrupted").exists()
    run(tmp_path / "interrupted")
    assert "Going on with the run in" in capsys.readouterr().err
    assert not (tmp_path / "interrupted.partial").exists()
    assert read_results(tmp_path / "interrupted") == read_results(tmp_path / "whole")
    assert list_files(tmp_path / "interrupted") == list_files(tmp_path / "whole")


def test_another_configuration_does_not_continue_a_run(tmp_path, interrupt_at):
    interrupt_at(step=4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "model")
    with pytest.raises(UserError) as error:
        run(tmp_path / "model", "vae.beta = 2.")
    for part in ("model.partial", "there: vae.beta = 1.0; now: vae.beta = 2.0"):
        assert part in str(error.value)
    run(tmp_path / "model", "vae.beta = 2.", overwrite=True)
    assert read_results(tmp_path / "model")["global_step"] == 6


def test_a_run_killed_before_the_renaming_is_renamed(tmp_path, monkeypatch):
    rename = os.rename

    def die_at_last_rename(source, target):
        if target == str(tmp_path / "model"):
            raise SystemExit("killed")
        rename(source, target)

    monkeypatch.setattr(os, "rename", die_at_last_rename)
    with pytest.raises(SystemExit):
        run(tmp_path / "model")
    monkeypatch.undo()
    monkeypatch.setattr(estimator.TPUEstimator, "train", None)  # Not to be called.
    run(tmp_path / "model")
    assert read_results(tmp_path / "model")["global_step"] == 6


@pytest.mark.parametrize(
    ("bindings", "error"),
    [
        (["model.model = @rtc_vae()", "rtc_vae.beta = -1."], "rtc_vae.beta = -1.0"),
        (
            [
                "model.model = @rtc_vae()",
                "rtc_vae.beta = 1.",
                "model.batch_size = 1",
                "discriminator.discriminator_fn = @fc_discriminator",
            ],
            "model.batch_size = 1",
        ),
    ],
)
def test_a_run_that_fails_before_its_first_step_leaves_nothing(
    tmp_path, bindings, error
):
    with pytest.raises(UserError, match=error):
        run(tmp_path / "model", *bindings)
    assert os.listdir(tmp_path) == []


def test_an_existing_folder_is_kept_unless_it_may_be_overwritten(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "precious").touch()
    with pytest.raises(UserError, match="--model_dir=.*model exists.*--overwrite"):
        run(tmp_path / "model")
    assert (tmp_path / "model" / "precious").exists()
    run(tmp_path / "model", overwrite=True)
    assert not (tmp_path / "model" / "precious").exists()


def test_the_old_model_stays_until_the_new_one_is_whole(tmp_path, interrupt_at):
    run(tmp_path / "model")
    old = read_results(tmp_path / "model")
    with pytest.raises(UserError, match="rtc_vae.beta = -1"):
        wrong = ["model.model = @rtc_vae()", "rtc_vae.beta = -1."]
        run(tmp_path / "model", *wrong, overwrite=True)
    assert read_results(tmp_path / "model") == old
    assert os.listdir(tmp_path) == ["model"]

    interrupt_at(step=4)
    with pytest.raises(KeyboardInterrupt, match="without --overwrite goes on"):
        run(tmp_path / "model", "vae.beta = 2.", overwrite=True)
    assert read_results(tmp_path / "model") == old
    with pytest.raises(UserError, match="another configuration"):
        run(tmp_path / "model")
    run(tmp_path / "model", "vae.beta = 2.")
    assert read_results(tmp_path / "model") != old
    assert os.listdir(tmp_path) == ["model"]
    with pytest.raises(UserError, match="exists already"):
        run(tmp_path / "model", "vae.beta = 2.")


@pytest.mark.parametrize("num_deletions", range(4))
def test_a_process_killed_while_it_starts_anew_can_be_rerun(
    tmp_path, interrupt_at, monkeypatch, num_deletions
):
    interrupt_at(step=4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "model")
    deleted, delete = [], files.delete

    def die_at_deletion(path):
        if len(deleted) == num_deletions:
            raise SystemExit("killed")
        deleted.append(path)
        delete(path)

    monkeypatch.setattr(files, "delete", die_at_deletion)
    with pytest.raises(SystemExit):
        run(tmp_path / "model", "vae.beta = 2.", overwrite=True)
    monkeypatch.undo()
    bindings = ["vae.beta = 2."] if num_deletions else []  # Nothing deleted yet.
    run(tmp_path / "model", *bindings)
    assert read_results(tmp_path / "model")["global_step"] == 6


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "model.partial").mkdir()
    with open(tmp_path / "model.partial" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            run(tmp_path / "model")


def test_ctrl_c_ends_the_command_in_one_line_and_leaves_a_checkpoint(tmp_path):
    command = os.path.join(os.path.dirname(sys.executable), "dlib_train")
    process = subprocess.Popen(
        [
            sys.executable,
            command,
            f"--gin_config={CONFIG}",
            "--gin_bindings=model.training_steps = 10000000",
            f"--model_dir={tmp_path / 'model'}",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "model.partial" / "tf_checkpoint"
    while not (folder / "checkpoint").exists() and process.poll() is None:
        time.sleep(0.1)
    time.sleep(2)  # Some steps.
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "Traceback" not in errors
    assert "goes on from there" in errors.splitlines()[-1]
    step = int(errors.split("stopped at step ")[1].split()[0])
    assert step > 0
    assert (folder / f"model.ckpt-{step}.index").exists()
    assert not (tmp_path / "model").exists()
