# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of an unfinished run: verified before one is gone on from.

A disk may lose the end of a file, or bits in its middle. TensorFlow keeps a checksum of
every tensor and compares it when the tensor is read, so that reading all of them tells.
"""

import glob
import os
import re
import sys

import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file

# While a run is not finished: one to go on from, and one in case it is damaged.
NUM_KEPT = 2


def find_sound(folder):
    """Returns the newest checkpoint that can be read, and says if it is not the newest.

    Damaged ones are deleted, and the file `checkpoint`, which may be damaged, too, is
    made anew.

    Args:
        folder: Where checkpoints called `model.ckpt-<step>` are; need not exist.

    Returns:
        Path of the checkpoint, None if no step was ever saved.

    Raises:
        UserError: There are some, and all are damaged.
    """
    steps, problems = find_steps(folder), []
    while steps:
        path = _path(folder, steps[-1])
        problem = _find_damage(path)
        if problem is None:
            _write_state(folder, steps)
            for found in problems:
                print(f"{found}; going on from step {steps[-1]}", file=sys.stderr)
            return path
        problems.append(f"{path} is damaged ({problem})")
        if steps[-1] > 0 and len(steps) == 1:
            raise UserError(
                f"{'; '.join(problems)}. The training up to there is lost; start anew "
                "by the same command with --overwrite."
            )
        _delete(folder, steps.pop())
    return None


def keep_newest(folder):
    """Deletes all checkpoints but the newest, as a finished run has them."""
    steps = find_steps(folder)
    for step in steps[:-1]:
        _delete(folder, step)
    if steps:
        _write_state(folder, steps[-1:])


def find_steps(folder):
    """Returns the steps that have files of a checkpoint, in order."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = (re.match(r"model\.ckpt-(\d+)\.(?:index|data-)", name) for name in names)
    return sorted({int(match[1]) for match in found if match})


def _path(folder, step):
    return os.path.join(folder, f"model.ckpt-{step}")


def _find_damage(path):
    """Returns why a checkpoint cannot be read, None if it can."""
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    # Its kind depends on where the damage is, and on TensorFlow's version.
    except Exception as error:
        lines = str(error).strip().splitlines()
        return lines[0].rstrip(".") if lines else type(error).__name__
    return None


def _delete(folder, step):
    for path in glob.glob(glob.escape(_path(folder, step)) + ".*"):
        os.remove(path)


def _write_state(folder, steps):
    # Not by TensorFlow, which would write where the folder is now; it will be renamed.
    with whole_file(os.path.join(folder, "checkpoint")) as partial:
        with open(partial, "w") as file:
            file.write(f'model_checkpoint_path: "model.ckpt-{steps[-1]}"\n')
            for step in steps:
                file.write(f'all_model_checkpoint_paths: "model.ckpt-{step}"\n')
