# SPDX-License-Identifier: Apache-2.0
"""Models run in processes of their own; what is done is kept, whatever happens."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import fake_study
import pandas as pd
import pytest

from rtc_plugin import files
from rtc_plugin.errors import UserError
from rtc_plugin.results import collect
from rtc_plugin.results import table as results_table
from rtc_plugin.studies import disk, runner, study_folder

ALL_DONE = dict.fromkeys(range(fake_study.NUM_MODELS), "done")
pytestmark = pytest.mark.usefixtures("fake_steps")


def run(root, *args, **kwargs):
    return runner.run(fake_study.NAME, *args, root=str(root), **kwargs)


def start(root, workers=2):
    """Starts a runner in a process of its own."""
    program = (
        "import signal, sys, fake_study; "
        "from rtc_plugin.studies import model_steps, runner; "
        # Who runs the tests in the background may have a shell that ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "model_steps.plan = fake_study.plan; "
        f"runner.run(fake_study.NAME, root=sys.argv[1], workers={workers})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process, root):
    """Kills a runner and its workers, which have no time to do anything about it."""
    os.kill(process.pid, signal.SIGKILL)
    for path in pathlib.Path(root).glob("*/status.json"):
        if files.is_locked(str(path.parent)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(json.loads(path.read_text())["pid"], signal.SIGKILL)
    process.wait()
    wait_until_free(root)


def wait_until(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def wait_until_free(root):
    folders = [str(path.parent) for path in pathlib.Path(root).glob("*/lock")]
    wait_until(lambda: not any(map(files.is_locked, folders)))


def read_table(root):
    collect.collect(str(root))
    return results_table.read(os.path.join(root, "results.parquet"))


def files_below(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*.json")}


def status(root, num):
    return json.loads((root / str(num) / "status.json").read_text())


def test_all_models_run_and_are_found_done_the_next_time(tmp_path, capsys):
    assert run(tmp_path, workers=3) == ALL_DONE
    shown = capsys.readouterr().err
    assert f"results go to {tmp_path}" in shown
    assert "[6/6] model" in shown and "left" in shown
    before = files_below(tmp_path)
    assert run(tmp_path) == ALL_DONE
    assert files_below(tmp_path) == before
    assert "6 of 6 models are done" in capsys.readouterr().err
    table = read_table(tmp_path)
    assert set(table["study"]) == {fake_study.NAME}
    assert list(table["value"]) == [num / 7 for num in range(6) for _ in range(2)]


def test_only_the_chosen_models_run(tmp_path):
    assert run(tmp_path, [4, 1]) == {4: "done", 1: "done"}
    numbered = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert numbered == ["1", "4"]


def test_each_process_gets_its_share_of_the_cores(monkeypatch):
    from rtc_plugin.studies.backends import local

    monkeypatch.setattr("rtc_plugin.studies.backends.cpu_count", lambda: 8)
    for workers, threads in ((1, "8"), (3, "2"), (20, "1")):
        environment = local._environment(workers)
        assert environment["OMP_NUM_THREADS"] == threads
        assert environment["TF_NUM_INTRAOP_THREADS"] == threads


def test_by_default_each_core_has_a_model_with_a_thread(monkeypatch):
    from rtc_plugin.studies import backends

    monkeypatch.setattr(backends, "cpu_count", lambda: 8)
    for gigabytes, workers in ((64, 8), (6, 3), (1, 1)):
        pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": (gigabytes << 30) // 4096}
        monkeypatch.setattr(os, "sysconf", pages.get)
        assert backends.default_workers("local") == workers
        assert backends.default_workers("ray") == workers
        assert backends.default_workers("slurm") == 1
    assert backends.threads_per_model(8) == 1


def test_a_failing_metric_costs_only_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_FAILURE", "1:metrics/mean/first")
    states = run(tmp_path, workers=2)
    assert states == {**ALL_DONE, 1: "failed"}
    error = "metrics/mean/first: ValueError: told to fail"
    assert status(tmp_path, 1)["error"] == error
    log = (tmp_path / "1" / "log.txt").read_text()
    assert log.count("ValueError: told to fail") == 2  # The first try and one more.
    assert "Traceback" in log
    (line,) = [
        line for line in capsys.readouterr().err.splitlines() if "failed" in line
    ]
    assert error in line and str(tmp_path / "1" / "log.txt") in line
    assert (tmp_path / "1" / "metrics" / "mean" / "second").exists()
    assert len(read_table(tmp_path)) == 11
    monkeypatch.delenv("FAKE_FAILURE")
    assert run(tmp_path) == ALL_DONE


def test_what_needs_a_failed_training_is_not_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAILURE", "0:model")
    assert run(tmp_path, [0], retries=0) == {0: "failed"}
    assert status(tmp_path, 0)["error"] == "model: ValueError: told to fail"
    assert not (tmp_path / "0" / "metrics").exists()


def test_a_killed_model_is_tried_again_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_CRASH", "0")
    assert run(tmp_path, [0, 1]) == {0: "done", 1: "done"}
    assert (tmp_path / "0" / "log.txt").read_text().count("rtc_plugin") == 2


def test_a_killed_model_without_another_try_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_CRASH", "0")
    assert run(tmp_path, [0], retries=0) == {0: "failed"}
    assert status(tmp_path, 0)["error"] == "ended by SIGKILL"


@pytest.mark.parametrize(
    "num_kills", [2, pytest.param(10, marks=pytest.mark.slow)], ids="{}_kills".format
)
def test_a_killed_runner_ends_in_the_same_table(tmp_path, monkeypatch, num_kills):
    run(tmp_path / "whole", workers=3)
    monkeypatch.setenv("FAKE_SECONDS", "2")
    root = tmp_path / "killed"
    moments = random.Random(num_kills)
    counts = []
    for _ in range(num_kills):
        process = start(root)
        wait_until(lambda: list(root.glob("*/status.json")))
        time.sleep(moments.uniform(0, 2))
        kill(process, root)
        counts.append(sum(fake_study.count_in(p) for p in root.glob("*/*.count")))
    assert counts == sorted(counts)  # Nothing that was done is lost.
    monkeypatch.delenv("FAKE_SECONDS")
    assert run(root, workers=3) == ALL_DONE
    pd.testing.assert_frame_equal(read_table(root), read_table(tmp_path / "whole"))
    for path in root.glob("*/model.count"):
        assert fake_study.count_in(path) == fake_study.COUNT_TO


def test_workers_end_with_their_runner(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "1000")
    process = start(tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("*/model.count"))) == 2)
    process.kill()  # The runner alone.
    process.wait()
    wait_until_free(tmp_path)


def test_ctrl_c_ends_runner_and_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "1000")
    process = start(tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("*/model.count"))) == 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode != 0
    folders = [path.parent for path in tmp_path.glob("*/status.json")]
    assert len(folders) == 2  # None was started after it.
    assert not any(files.is_locked(str(folder)) for folder in folders)


def test_a_second_runner_takes_what_is_free(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_SECONDS", "1000")
    first = start(tmp_path, workers=1)
    wait_until(lambda: (tmp_path / "0" / "model.count").exists())
    monkeypatch.delenv("FAKE_SECONDS")
    pid = status(tmp_path, 0)["pid"]
    states = run(tmp_path, workers=3)
    assert states == {**ALL_DONE, 0: "running"}
    assert f"is left to process {pid} on" in capsys.readouterr().err
    state, detail = study_folder.StudyFolder(tmp_path, fake_study.NAME).state(0)
    assert state == "running" and f"process {pid}" in detail
    kill(first, tmp_path)
    assert run(tmp_path) == ALL_DONE


def test_a_half_written_result_is_made_anew(tmp_path, capsys):
    run(tmp_path, [0])
    path = tmp_path / "0/metrics/mean/first/results/aggregate/evaluation.json"
    path.write_text(path.read_text()[:30])
    summary = collect.collect(str(tmp_path))
    assert [problem.where for problem in summary.problems] == [str(path)]
    assert summary.num_rows == 1
    assert study_folder.StudyFolder(tmp_path, fake_study.NAME).state(0) == (
        "unfinished",
        "metrics/mean/first is next",
    )
    assert run(tmp_path, [0]) == {0: "done"}
    assert json.loads(path.read_text())["evaluation_results.score"] == 0
    assert "first is half written" in (tmp_path / "0" / "log.txt").read_text()


def test_no_space_is_found_before_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "free", lambda folder: 1e9)
    with pytest.raises(UserError, match=r"6 models need about 1.8 GB, and 1.0 GB are"):
        run(tmp_path)
    assert not (tmp_path / "0").exists()
    assert run(tmp_path, [0, 1]) == {0: "done", 1: "done"}


def test_no_space_while_it_runs_starts_nothing_more(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_NO_SPACE", "1")
    with pytest.raises(UserError, match="no space is left.*same command again"):
        run(tmp_path)
    states = [
        study_folder.StudyFolder(tmp_path, fake_study.NAME).state(num)[0]
        for num in range(6)
    ]
    assert states == ["done", "unfinished"] + ["waiting"] * 4
    monkeypatch.delenv("FAKE_NO_SPACE")
    assert run(tmp_path) == ALL_DONE


def test_a_number_out_of_range_is_named(tmp_path):
    with pytest.raises(UserError, match="no model 6; the study has the models 0 to 5"):
        run(tmp_path, [0, 6])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"study": "other"}, 'was begun with study = "other"'),
        ({"bindings": ["a.b = 1"]}, r"was begun with bindings = \[\"a.b = 1\"\], not"),
        ({"origin": "rebuilt"}, "was begun with origin"),
        ({"plugin_version": "0.0.1"}, "plugin_version.*--accept_other_version"),
        ({"definition": "00"}, "definition.*--accept_other_version"),
    ],
)
def test_a_folder_of_another_study_or_version_is_refused(tmp_path, change, error):
    run(tmp_path, [0])
    path = tmp_path / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=error):
        run(tmp_path, [0])
    if "version" in error:
        assert run(tmp_path, [0], accept_other_version=True) == {0: "done"}


def test_a_folder_with_models_of_another_study_is_refused(tmp_path):
    gin_file = pathlib.Path("2/model/results/gin/train.gin")
    for beta, root in (("2.0", tmp_path / "same"), ("9.0", tmp_path / "other")):
        (root / gin_file).parent.mkdir(parents=True)
        (root / gin_file).write_text(f"vae.beta = {beta}\n")
    study_folder.open_study(fake_study.NAME, tmp_path / "same")
    error = r"its model 2 has vae.beta = 9.0, not 2.0; give another --root"
    with pytest.raises(UserError, match=error):
        study_folder.open_study(fake_study.NAME, tmp_path / "other")
    assert not (tmp_path / "other" / "study.json").exists()


def test_marks_and_bindings_reach_the_table(tmp_path):
    run(tmp_path, [0], bindings=["model.batch_size = 4"], origin="rebuilt")
    table = read_table(tmp_path)
    assert set(table["origin"]) == {"rebuilt"}
    assert set(table["train_config.model.comment"]) == {"['model.batch_size = 4']"}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("rtc_study_v9", "--study=rtc_study_v9 is not a known study"),
        ("fake_study:Missing", "--study=fake_study:Missing cannot be imported"),
    ],
)
def test_an_unknown_study_is_named(tmp_path, name, error):
    with pytest.raises(UserError, match=error):
        runner.run(name, root=str(tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--root=.*/file/x cannot be written to"):
        run(tmp_path / "file" / "x", [0])


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no study.json"):
        study_folder.StudyFolder(tmp_path)
