# SPDX-License-Identifier: Apache-2.0
"""A study's runner gives the scores that the library's dlib_reproduce gives."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from rtc_plugin import files
from rtc_plugin.results import collect
from rtc_plugin.results import table as results_table
from rtc_plugin.studies import study_folder

STUDY, MODEL = "rtc_study_tiny", 2
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """Folder and output of dlib_reproduce, which here draws no pictures."""
    root = tmp_path_factory.mktemp("reproduced")
    program = (
        "import runpy, sys; from disentanglement_lib.visualize import visualize_model;"
        "visualize_model.visualize = lambda *args: None;"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = os.path.join(os.path.dirname(sys.executable), "dlib_reproduce")
    program = f"import sys; sys.argv[0] = {command!r}; {program}"
    flags = [
        f"--study={STUDY}",
        f"--model_num={MODEL}",
        f"--output_directory={root}/{{model_num}}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, *flags],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    assert done.returncode == 0, done.stderr
    return root, done.stderr


def start(root):
    flags = [f"--study={STUDY}", f"--models={MODEL}", f"--root={root}"]
    # One worker per core has one thread.
    workers = f"--workers={len(os.sched_getaffinity(0))}"
    return subprocess.Popen(
        [sys.executable, "-m", "rtc_plugin.commands", "study", "run", *flags, workers]
    )


def kill_when(process, status, condition):
    """Kills a runner and its workers at once."""
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.1)
    process.kill()
    os.kill(json.loads(status.read_text())["pid"], signal.SIGKILL)
    process.wait()
    while files.is_locked(str(status.parent)):
        time.sleep(0.1)


@pytest.fixture(scope="module")
def killed_twice(tmp_path_factory):
    """Folder of a runner that was killed in training and between two metrics."""
    root = tmp_path_factory.mktemp("killed")
    model = root / str(MODEL)
    status = model / "status.json"
    checkpoints = model / "model.partial" / "tf_checkpoint"
    kill_when(start(root), status, lambda: list(checkpoints.glob("*")))
    kill_when(start(root), status, (model / "metrics" / "mean" / "mig").exists)
    assert study_folder.StudyFolder(root).state(MODEL)[0] == study_folder.UNFINISHED
    assert start(root).wait() == 0
    return root


def results(root):
    """Returns all results of a model without times and names of runs."""
    found = {}
    for path in sorted((root / str(MODEL)).glob("**/results/json/*_results.json")):
        values = json.loads(path.read_text())
        found[str(path.relative_to(root))] = {
            name: value
            for name, value in values.items()
            if name not in ("uuid", "elapsed_time")
        }
    return found


def test_scores_and_configurations_are_those_of_dlib_reproduce(
    reproduced, killed_twice
):
    expected = results(reproduced[0])
    assert results(killed_twice) == expected
    evaluations = [
        path for path in expected if path.endswith("evaluation_results.json")
    ]
    assert len(evaluations) == 7
    for name in ("train", "postprocess", "evaluation"):
        file = f"{MODEL}/metrics/mean/mig/results/gin/{name}.gin"
        assert (killed_twice / file).read_text() == (reproduced[0] / file).read_text()


def test_the_killed_training_began_anew_and_finished_steps_were_kept(killed_twice):
    log = (killed_twice / str(MODEL) / "log.txt").read_text()
    assert log.count("rtc_plugin") >= 3
    begun = [line.split()[-1] for line in log.splitlines() if line.startswith("20")]
    assert begun.count("model") == 2
    assert begun.count("postprocessed/mean") == begun.count("metrics/mean/mig") == 1


def test_factor_vae_was_watched_at_each_tenth_update(killed_twice):
    path = killed_twice / str(MODEL) / "model" / "tf_checkpoint" / "tc_monitor.csv"
    # The library's FactorVAE counts two steps per update.
    assert list(pd.read_csv(path)["step"]) == [0, 20, 40, 60]


def test_what_dlib_reproduce_has_written_gives_the_same_table(reproduced, killed_twice):
    tables = []
    for root in (reproduced[0], killed_twice):
        path = collect.collect(str(root)).paths[0]
        tables.append(results_table.read(path).drop(columns="study"))
    pd.testing.assert_frame_equal(*tables)


def test_dlib_reproduce_passes_over_pairs_that_make_no_sense(reproduced):
    root, errors = reproduced
    line = "@mig is not computed on mean_and_logvar; it applies to: mean, sampled."
    assert line in errors.splitlines()
    metrics = root / str(MODEL) / "metrics"
    found = {str(p.relative_to(metrics)) for p in metrics.glob("*/*")}
    plain = ("mig", "sap_score", "unsupervised")
    expected = {f"{r}/{name}" for r in ("mean", "sampled") for name in plain}
    assert found == expected | {"mean_and_logvar/rtc_metrics"}


def test_a_runner_goes_on_with_what_dlib_reproduce_has_begun(reproduced):
    root = reproduced[0]
    before = results(root)
    assert start(root).wait() == 0
    assert results(root) == before
    log = (root / str(MODEL) / "log.txt").read_text()
    assert "metrics/" not in log and "postprocessed/" not in log
