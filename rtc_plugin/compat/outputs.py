# SPDX-License-Identifier: Apache-2.0
"""Output folders that are whole or not there, for the library's commands."""

import contextlib
import os
import shutil

from rtc_plugin.errors import UserError
from rtc_plugin.files import make_folder

PARTIAL = ".partial"


def guard_postprocess(module):
    """Has `postprocess.postprocess` write a whole folder or none."""
    _guard(module, "postprocess", _check_postprocess_input)


def guard_evaluate(module):
    """Has `evaluate.evaluate` write a whole folder or none."""
    _guard(module, "evaluate", _check_evaluate_input)


def _guard(module, name, check_input):
    # Only the module's own name is replaced: gin goes on configuring the stock
    # function, under the name that it was registered with.
    stock = getattr(module, name)

    def guarded(model_dir, output_dir, overwrite=False, **kwargs):
        check_input(model_dir)
        with whole_folder("--output_dir", output_dir, overwrite) as partial:
            return stock(model_dir, partial, overwrite, **kwargs)

    guarded.__doc__ = stock.__doc__
    setattr(module, name, guarded)


def _check_postprocess_input(model_dir):
    _check_step(model_dir, "--model_dir", "dlib_train")


def _check_evaluate_input(model_dir):
    _check_step(model_dir, "--input_dir", "dlib_postprocess")


def _check_step(folder, flag, command):
    if folder is None:
        raise UserError(f"{flag} is missing; give a folder that {command} has made.")
    if not os.path.isdir(os.path.join(folder, "tfhub")):
        raise UserError(
            f"{flag}={folder} holds no tfhub module; give a folder that {command} has "
            "made and finished."
        )


def check_free(flag, folder, overwrite):
    """Checks that an output folder may be written.

    Args:
        flag: The flag that names the folder, for the message.
        folder: Its path.
        overwrite: Whether an existing folder may be replaced.

    Raises:
        UserError: If the folder is not given, exists and may not be replaced, or cannot
            be made.
    """
    if not folder:
        raise UserError(f"{flag} is missing; say where the output should go.")
    if os.path.exists(folder) and not overwrite:
        raise UserError(
            f"{flag}={folder} exists already; give another folder, or --overwrite to "
            "replace it."
        )
    parent = os.path.dirname(os.path.abspath(folder))
    make_folder(flag, folder, parent)
    if not os.access(parent, os.W_OK):
        raise UserError(
            f"{flag}={folder} cannot be made: {parent} is not writable; give a folder "
            "that you may write to."
        )


@contextlib.contextmanager
def whole_folder(flag, folder, overwrite=False):
    """Yields the path to write to; it becomes `folder` when all has gone well.

    Args:
        flag: The flag that names the folder, for messages.
        folder: Path of the folder to make.
        overwrite: Whether an existing folder is replaced.

    Yields:
        Path of a folder beside it, not existing yet.

    Raises:
        UserError: As `check_free`.
    """
    check_free(flag, folder, overwrite)
    partial = folder.rstrip("/") + PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    replace_folder(partial, folder)


def replace_folder(partial, folder):
    """Puts a finished folder in its place, over an older one if there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(partial, folder)
