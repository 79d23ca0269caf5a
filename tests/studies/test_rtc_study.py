# SPDX-License-Identifier: Apache-2.0
"""The command rtc study."""

import os
import re

import fake_study
import pytest
from run_rtc import rtc

FOLDER = os.path.dirname(fake_study.__file__)


def rtc_study(*arguments, folder=None, **environment):
    return rtc("study", *arguments, cwd=folder, PYTHONPATH=FOLDER, **environment)


def test_list_names_studies_and_their_models():
    shown = rtc_study("list").stdout
    assert re.search(r"rtc_study_small +36 models", shown)
    assert re.search(r"unsupervised_study_v1 +12600 models", shown)
    shown = rtc_study("list", "--study=rtc_study_small", "--filter=strength=50").stdout
    assert "     2  rtc_vae 50 dsprites_rendered seed 0\n" in shown
    assert len(shown.splitlines()) == 8


def test_run_status_and_collect_follow_a_study(tmp_path):
    study = f"--study={fake_study.NAME}"
    done = rtc_study("run", study, "--models=0-1", "--workers=2", folder=tmp_path)
    assert done.stdout == "2 of 2 models are done.\n" and done.returncode == 0
    root = "--root=output/FakeStudy"
    failed = rtc_study(
        "run", study, "--filter=strength=2", folder=tmp_path, FAKE_FAILURE="2:model"
    )
    assert failed.stdout == "0 of 1 models are done.\n" and failed.returncode == 1
    shown = rtc_study("status", root, study, folder=tmp_path).stdout.splitlines()
    assert shown[0].split()[:3] == ["0", "done", "beta_vae"]
    assert shown[2].endswith("model: ValueError: told to fail")
    assert shown[-1] == "2 done, 1 failed, 3 waiting"
    shown = rtc_study("collect", root, "--output=t.csv", folder=tmp_path).stdout
    assert shown == "4 scores of 2 models are in t.csv\n"
    assert (tmp_path / "t.csv").read_text().count("\n") == 5


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["walk"], "no such verb: walk; verbs: collect, "),
        (["run"], "--study is missing; `rtc study list` names them."),
        (["status"], "--root is missing; give the folder of a study."),
        (["status", "--root=nowhere"], "--root=nowhere holds no study.json"),
        (["run", "--study=rtc_study"], "--study=rtc_study is not a known study"),
        (
            ["run", "--study=rtc_study_tiny", "--models=9"],
            "--models=9: there is no mod",
        ),
    ],
)
def test_an_error_is_one_line(tmp_path, arguments, error):
    done = rtc_study(*arguments, folder=tmp_path)
    assert done.returncode in (1, 2) and done.stdout == ""
    *before, last = done.stderr.splitlines()
    assert last.startswith(f"rtc: {error}")
    assert all(line.startswith("Running what is left of") for line in before)
    assert list(tmp_path.iterdir()) == []
