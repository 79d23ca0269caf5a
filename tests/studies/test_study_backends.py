# SPDX-License-Identifier: Apache-2.0
"""Models side by side on a machine, on a Ray cluster and in a Slurm job array."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import fake_study
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.studies import runner, study_folder
from rtc_plugin.studies.backends import local, slurm

pytestmark = pytest.mark.usefixtures("fake_steps")


def run(root, *args, **kwargs):
    return runner.run(fake_study.NAME, *args, root=str(root), **kwargs)


def attempts(root, num):
    """Returns the process ids in the log of a model."""
    log = (root / str(num) / "log.txt").read_text()
    return [
        int(line.rpartition("pid ")[2]) for line in log.splitlines() if "pid" in line
    ]


class Killer(threading.Thread):
    """Kills the process that trains a model, halfway, once."""

    def __init__(self, model_folder):
        super().__init__(daemon=True)
        self._folder = model_folder
        self.killed = None

    def run(self):
        while fake_study.count_in(self._folder / "model.count") < 10:
            time.sleep(0.02)
        self.killed = json.loads((self._folder / "status.json").read_text())["pid"]
        os.kill(self.killed, signal.SIGKILL)


def test_a_worker_that_is_being_started_when_the_runner_ends_is_ended_too(
    tmp_path, monkeypatch
):
    class PopenWhileStopping(subprocess.Popen):
        def __init__(self, command, **kwargs):
            stopping.start()
            stopping.join(0.2)  # It has ended by now, or waits for this start.
            super().__init__(["sleep", "20"], **kwargs)

    processes = local._Processes(str(tmp_path), "study", dict(os.environ))
    stopping = threading.Thread(target=processes.stop)
    monkeypatch.setattr(subprocess, "Popen", PopenWhileStopping)
    assert processes.run(0, retries=1) == -signal.SIGTERM


@pytest.fixture
def needs_ray(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


def test_ray_runs_models_and_survives_the_death_of_a_worker(
    tmp_path, monkeypatch, needs_ray
):
    monkeypatch.setenv("FAKE_SECONDS", "2")
    killer = Killer(tmp_path / "1")
    killer.start()
    states = run(tmp_path, [0, 1, 2], backend="ray", workers=2)
    assert states == dict.fromkeys([0, 1, 2], "done")
    first, second = attempts(tmp_path, 1)
    assert first == killer.killed != second
    # It went on where the killed one was.
    assert fake_study.count_in(tmp_path / "1" / "model.count") == fake_study.COUNT_TO
    # No two models share a process, whose TensorFlow would keep what it has taken.
    assert len({pid for num in range(3) for pid in attempts(tmp_path, num)}) == 4


def test_ray_tries_a_failed_model_again_and_records_it(
    tmp_path, monkeypatch, needs_ray
):
    monkeypatch.setenv("FAKE_FAILURE", "0:metrics/mean/first")
    states = run(tmp_path, [0, 1], backend="ray", workers=2)
    assert states == {0: "failed", 1: "done"}
    assert len(attempts(tmp_path, 0)) == 2
    _, error = study_folder.StudyFolder(tmp_path, fake_study.NAME).state(0)
    assert error == "metrics/mean/first: ValueError: told to fail"


def test_ray_at_a_wrong_address_is_named(tmp_path, needs_ray):
    with pytest.raises(UserError, match="--address=127.0.0.1:1: no Ray cluster"):
        run(tmp_path, [0], backend="ray", address="127.0.0.1:1")


def test_ray_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="--backend=ray needs Ray: pip install"):
        run(tmp_path, [0], backend="ray")


def submit(root, num, **environment):
    """Does what Slurm does with one element of the array."""
    return subprocess.run(
        ["bash", str(root / slurm.SCRIPT)],
        env={**os.environ, "SLURM_ARRAY_TASK_ID": str(num), **environment},
    ).returncode


def options(root):
    lines = (root / slurm.SCRIPT).read_text().splitlines()
    flags = [line.split()[1] for line in lines if line.startswith("#SBATCH --")]
    return dict(flag.lstrip("-").split("=", 1) for flag in flags)


def test_slurm_gets_a_script_for_the_missing_models(tmp_path, capsys):
    run(tmp_path, [3])
    states = run(tmp_path, backend="slurm", workers=4)
    assert states == {num: "done" if num == 3 else "waiting" for num in range(6)}
    assert f"sbatch {tmp_path / 'slurm.sh'}" in capsys.readouterr().err
    assert options(tmp_path)["array"] == "0-2,4-5%4"
    assert "gpus-per-task" not in options(tmp_path)
    assert submit(tmp_path, 4) == 0
    assert study_folder.StudyFolder(tmp_path, fake_study.NAME).state(4)[0] == "done"


def test_slurm_tries_a_failed_model_again(tmp_path):
    run(tmp_path, [1], backend="slurm", retries=2)
    assert submit(tmp_path, 1, FAKE_FAILURE="1:model") == 1
    assert len(attempts(tmp_path, 1)) == 3
    assert submit(tmp_path, 1, FAKE_CRASH="1") == 0
    assert len(attempts(tmp_path, 1)) == 5


def test_slurm_is_asked_for_what_a_model_needs(tmp_path):
    run(tmp_path, backend="slurm", num_cpus_per_model=4, num_gpus_per_model=0.25)
    asked = options(tmp_path)
    assert (asked["cpus-per-task"], asked["gpus-per-task"]) == ("4", "1")
    assert "export OMP_NUM_THREADS=4" in (tmp_path / slurm.SCRIPT).read_text()
