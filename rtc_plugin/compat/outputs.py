# SPDX-License-Identifier: Apache-2.0
"""Output folders that are whole or not there, for the library's commands."""

import functools
import inspect
import itertools
import os
import sys

from rtc_plugin import runs
from rtc_plugin.compat import commands
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_folder

# How many scores `dlib_evaluate` shows.
_NUM_SHOWN = 10


def guard_postprocess(module):
    """Has `postprocess.postprocess` write a whole folder or none, and say where."""
    _guard(module, "postprocess", "--model_dir", "dlib_train")
    _have_say(
        module, "postprocess", lambda folder: f"The representation is in {folder}"
    )


def guard_evaluate(module):
    """Has `evaluate.evaluate` write a whole folder or none, and say what is in it."""
    _guard(module, "evaluate", "--input_dir", "dlib_postprocess")
    _have_say(module, "evaluate", describe_scores)


def guard_visualize(module):
    """Has `visualize_model.visualize` write a whole folder or none."""
    _guard(module, "visualize", "--model_dir", "dlib_train")


def guard_reason(module):
    """Has `reason.reason`, which also learns from images, do the same."""
    _guard(module, "reason", "--input_dir", "dlib_postprocess", needs_input=False)


def _guard(module, name, flag, command, needs_input=True):
    # Only the module's own name is replaced: gin goes on configuring the stock
    # function, under the name that it was registered with.
    stock = getattr(module, name)
    signature = inspect.signature(stock)

    def guarded(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        folder = call.args[0]
        if needs_input or folder is not None:
            check_step(folder, flag, command)
        overwrite = call.arguments.get("overwrite", False)
        output_dir = call.arguments["output_dir"]
        with whole_folder("--output_dir", output_dir, overwrite) as partial:
            call.arguments["output_dir"] = partial
            return stock(*call.args, **call.kwargs)

    guarded.__doc__ = stock.__doc__
    setattr(module, name, guarded)


def _have_say(module, name, describe):
    # In its own command only: a study calls the same functions by the hundred.
    function = getattr(module, name)

    @functools.wraps(function)
    def saying(model_dir, output_dir, *args, **kwargs):
        result = function(model_dir, output_dir, *args, **kwargs)
        if commands.command() == f"dlib_{name}":
            print(describe(output_dir), file=sys.stderr)
        return result

    setattr(module, name, saying)


def describe_scores(folder):
    """Says where an evaluation is, with the first of its scores, one per line."""
    scores = runs.read_scores(folder)
    width = max(map(len, scores), default=0)
    lines = [f"The scores are in {folder}"]
    for name, value in itertools.islice(scores.items(), _NUM_SHOWN):
        lines.append(f"  {name:{width}}  {value:.4g}")
    if len(scores) > _NUM_SHOWN:
        left = len(scores) - _NUM_SHOWN
        lines.append(f"  and {left} more, which `rtc summary {folder}` shows")
    return "\n".join(lines)


def check_step(folder, flag, command):
    """Checks that a folder is what a command of the library has made.

    Args:
        folder: Its path; None if the flag is missing.
        flag: The flag that names it.
        command: "dlib_train" or "dlib_postprocess".

    Raises:
        UserError: It is not.
    """
    if folder is None:
        raise UserError(f"{flag} is missing; give a folder that {command} has made.")
    if not os.path.isdir(os.path.join(folder, "tfhub")):
        raise UserError(
            f"{flag}={folder} holds no tfhub module; give a folder that {command} has "
            "made and finished."
        )
    gin = os.path.join(folder, "results", "gin")
    trained, extracted = (
        os.path.exists(os.path.join(gin, f"{step}.gin"))
        for step in ("train", "postprocess")
    )
    if command == "dlib_postprocess" and trained and not extracted:
        raise UserError(
            f"{flag}={folder} holds a model, not a representation of it; extract one "
            f"with dlib_postprocess --model_dir={folder} first."
        )
