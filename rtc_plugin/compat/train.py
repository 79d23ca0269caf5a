# SPDX-License-Identifier: Apache-2.0
"""The library's training: whole or absent, and continued where it was interrupted.

While a model trains, everything lies in `<model_dir>.partial`:

    config.gin        the configuration, to tell whether a rerun is the same run
    overwrite         there if the run may replace a finished model
    tf_checkpoint/    checkpoints and summaries; a rerun continues from here
    model/            what the library writes at the end (made anew by every run)

A finished run is renamed to `model_dir`, so a folder of that name is always whole, and
an older model stays until the new one is.
"""

import contextlib
import functools
import glob
import os
import sys

import gin

from rtc_plugin import files
from rtc_plugin.compat import estimator
from rtc_plugin.errors import UserError


def make_resumable(module):
    """Patches `methods.unsupervised.train`: its `train` can be interrupted and rerun.

    `train` keeps its arguments. gin knows the stock function, which is what the
    replacement calls.
    """
    stock_train = module.train

    @functools.wraps(stock_train)
    def train(model_dir, overwrite=False, *args, **kwargs):
        may_replace = overwrite or _is_replacing(model_dir)
        files.check_free("--model_dir", model_dir, may_replace)
        model_dir = model_dir.rstrip("/")
        with _lock_partial_dir(model_dir) as partial:
            if overwrite:
                partial.clear()
            partial.check_configuration(gin.config_str(), overwrite)
            if not partial.is_whole():
                _train_in(partial, stock_train, overwrite, args, kwargs)
            files.replace_folder(partial.output, model_dir)
            partial.delete()
        print(f"The model is in {model_dir}", file=sys.stderr)

    module.train = train


def _is_replacing(model_dir):
    """Tells whether an unfinished run was begun with --overwrite."""
    partial = _PartialDir((model_dir or "").rstrip("/") + files.PARTIAL)
    return partial.is_begun() and os.path.exists(partial.overwrite)


def _train_in(partial, stock_train, overwrite, args, kwargs):
    if partial.has_progress():
        print(f"Going on with the run in {partial.path}", file=sys.stderr)
    else:
        print(f"Training in {partial.path}", file=sys.stderr)
    files.delete(partial.output)
    try:
        with estimator.resumable(partial.checkpoints):
            stock_train(partial.output, False, *args, **kwargs)
    except KeyboardInterrupt as interrupt:
        if not partial.has_progress():
            partial.delete()
            raise KeyboardInterrupt("interrupted before the first step.") from None
        without = " without --overwrite" if overwrite else ""
        raise KeyboardInterrupt(
            f"{interrupt or 'interrupted'}. The same command{without} goes on from "
            f"there; {partial.path} holds the unfinished run."
        ) from None
    except BaseException:
        if not partial.has_progress():
            partial.delete()
        raise
    # Last, so that checkpoints beside the output say that it is whole.
    os.rename(partial.checkpoints, partial.output_checkpoints)


class _PartialDir:
    """The folder of a run that is not finished."""

    def __init__(self, path):
        self.path = path
        self.configuration = os.path.join(path, "config.gin")
        self.overwrite = os.path.join(path, "overwrite")
        self.checkpoints = os.path.join(path, "tf_checkpoint")
        self.output = os.path.join(path, "model")
        self.output_checkpoints = os.path.join(self.output, "tf_checkpoint")

    def has_progress(self):
        saved = glob.glob(os.path.join(glob.escape(self.checkpoints), "*.index"))
        return any(not path.endswith("-0.index") for path in saved)

    def is_whole(self):
        return os.path.exists(self.output_checkpoints)

    def is_begun(self):
        """Tells whether there is a run to go on with."""
        is_known = os.path.exists(self.configuration)
        return is_known and (self.has_progress() or self.is_whole())

    def clear(self):
        # The configuration first: without it nothing counts of what a process that is
        # killed in between leaves behind.
        paths = (self.configuration, self.overwrite, self.output, self.checkpoints)
        for path in paths:
            files.delete(path)

    def delete(self):
        files.delete(self.path)

    def check_configuration(self, configuration, overwrite):
        """Notes the configuration, or compares it with that of the run found here."""
        if not self.is_begun():
            self.clear()
            if overwrite:
                open(self.overwrite, "w").close()
            with open(self.configuration, "w") as file:
                file.write(configuration)
            return
        with open(self.configuration) as file:
            found = file.read()
        if found == configuration:
            return
        there = _first_line_missing(found, configuration)
        here = _first_line_missing(configuration, found)
        raise UserError(
            f"{self.path} holds an unfinished run with another configuration (there: "
            f"{there}; now: {here}). Finish that one, give another --model_dir, or "
            "start anew with --overwrite."
        )


@contextlib.contextmanager
def _lock_partial_dir(model_dir):
    """Yields the `_PartialDir` of a model, which this process alone may use."""
    import fcntl

    partial = _PartialDir(model_dir + files.PARTIAL)
    os.makedirs(partial.path, exist_ok=True)
    with open(os.path.join(partial.path, "lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"--model_dir={model_dir}: another process is training it; wait for it "
                "or give another folder."
            ) from None
        yield partial


def _first_line_missing(text, other):
    others = set(other.splitlines())
    return next((line for line in text.splitlines() if line not in others), "nothing")
