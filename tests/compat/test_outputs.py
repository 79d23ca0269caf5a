# SPDX-License-Identifier: Apache-2.0
"""The old output of each of the library's steps goes when the new one is whole."""

import json
import os
import sys
import types

import gin
import pytest
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.evaluation.abstract_reasoning import reason
from disentanglement_lib.postprocessing import postprocess
from disentanglement_lib.visualize import visualize_model

from rtc_plugin import runs
from rtc_plugin.compat import outputs

# With what gin would otherwise require of them.
STEPS = {
    "postprocess": (postprocess.postprocess, ["postprocess_fn", "random_seed"]),
    "evaluate": (evaluate.evaluate, ["evaluation_fn", "random_seed"]),
    "reason": (
        reason.reason,
        [
            "model",
            "num_iterations",
            "training_steps_per_iteration",
            "eval_steps_per_iteration",
            "random_seed",
            "batch_size",
        ],
    ),
    "visualize": (visualize_model.visualize, []),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_step_that_fails_leaves_the_old_output(tmp_path, step, overwrite):
    (tmp_path / "input" / "tfhub").mkdir(parents=True)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "precious").touch()
    gin.clear_config()
    with pytest.raises(Exception):  # noqa: B017  (nothing is there that it needs)
        function, required = STEPS[step]
        folders = str(tmp_path / "input"), str(tmp_path / "output")
        function(*folders, overwrite, **dict.fromkeys(required))
    assert os.listdir(tmp_path / "output") == ["precious"]
    assert sorted(os.listdir(tmp_path)) == ["input", "output"]


def guarded_step(tmp_path, step, results):
    """A step of the library that does nothing but write results."""

    def function(model_dir, output_dir, overwrite=False):
        path = os.path.join(output_dir, runs.SCORES_FILE)
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            json.dump(results, file)

    (tmp_path / "input" / "tfhub").mkdir(parents=True)
    module = types.SimpleNamespace(**{step: function})
    getattr(outputs, f"guard_{step}")(module)
    return getattr(module, step)


def test_evaluation_ends_with_the_place_and_the_scores(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/bin/dlib_evaluate"])
    results = {"mig": 0.123456, "num": 3, "rows": [1.0], "none": None}
    step = guarded_step(tmp_path, "evaluate", {**results, "elapsed_time": 9, "uuid": 1})
    step(str(tmp_path / "input"), str(tmp_path / "out"))
    shown = capsys.readouterr()
    lines = [f"The scores are in {tmp_path / 'out'}", "  mig  0.1235", "  num  3"]
    assert shown.err.splitlines() == lines and not shown.out


def test_of_many_scores_the_first_are_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dlib_evaluate"])
    step = guarded_step(tmp_path, "evaluate", {f"s{i}": i for i in range(100)})
    step(str(tmp_path / "input"), str(tmp_path / "out"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12 and lines[10].split() == ["s9", "9"]
    assert f"90 more, which `rtc summary {tmp_path / 'out'}` shows" in lines[-1]


def test_extraction_ends_with_the_place(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dlib_postprocess"])
    step = guarded_step(tmp_path, "postprocess", {})
    step(str(tmp_path / "input"), str(tmp_path / "out"))
    assert capsys.readouterr().err == f"The representation is in {tmp_path / 'out'}\n"


@pytest.mark.parametrize("program", ["dlib_reproduce", "rtc_worker", "rtc", "mine.py"])
@pytest.mark.parametrize("step", ["postprocess", "evaluate"])
def test_whoever_calls_a_step_as_a_function_hears_nothing(
    tmp_path, monkeypatch, capsys, program, step
):
    monkeypatch.setattr(sys, "argv", [program])
    function = guarded_step(tmp_path, step, {"mig": 0.1})
    function(str(tmp_path / "input"), str(tmp_path / "out"))
    shown = capsys.readouterr()
    assert not shown.out and not shown.err
