# SPDX-License-Identifier: Apache-2.0
"""The old output of each of the library's steps goes when the new one is whole."""

import os

import gin
import pytest
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.evaluation.abstract_reasoning import reason
from disentanglement_lib.postprocessing import postprocess
from disentanglement_lib.visualize import visualize_model

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
