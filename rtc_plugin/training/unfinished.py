# SPDX-License-Identifier: Apache-2.0
"""The folder of a training that is not finished: `<model_dir>.partial`.

    config.gin        the configuration, to tell whether a rerun is the same run
    overwrite         there if the run may replace a finished model
    tf_checkpoint/    checkpoints and summaries; a rerun continues from here
    model/            what the library writes at the end (made anew by every run)

It loads neither gin nor TensorFlow.
"""

import contextlib
import glob
import os
import re

from rtc_plugin import files
from rtc_plugin.errors import UserError


def check_free(model_dir, overwrite):
    """Checks that a model may be trained in a folder.

    Args:
        model_dir: Path of the folder.
        overwrite: Whether a finished model in it may be replaced. One that an
            unfinished run was to replace may be, too: that run goes on without it.

    Raises:
        UserError: As `files.check_free`.
    """
    if model_dir:
        run = _open(model_dir)
        overwrite = overwrite or (run.is_begun() and os.path.exists(run.overwrite))
    files.check_free("--model_dir", model_dir, overwrite)


@contextlib.contextmanager
def lock(model_dir):
    """Yields the `UnfinishedRun` of a model, which this process alone may use."""
    run = _open(model_dir)
    with files.locked(run.path, leave=False) as is_free:
        if not is_free:
            raise UserError(
                f"--model_dir={model_dir}: another process is training it; wait for it "
                "or give another folder."
            )
        yield run


class UnfinishedRun:
    """The folder of a run that is not finished.

    Args:
        path: Its path; the folder need not exist.
    """

    def __init__(self, path):
        self.path = path
        self.configuration = os.path.join(path, "config.gin")
        self.overwrite = os.path.join(path, "overwrite")
        self.checkpoints = os.path.join(path, "tf_checkpoint")
        self.output = os.path.join(path, "model")
        self.output_checkpoints = os.path.join(self.output, "tf_checkpoint")

    def has_progress(self):
        """Tells whether a step has been saved."""
        # By either file of a checkpoint: the other one may be lost.
        path = os.path.join(glob.escape(self.checkpoints), "*-*.*")
        return any(re.search(r"-[1-9]\d*\.(index|data-)", p) for p in glob.glob(path))

    def is_whole(self):
        """Tells whether only the last renaming is left to do."""
        return os.path.exists(self.output_checkpoints)

    def is_begun(self):
        """Tells whether there is a run to go on with."""
        is_known = os.path.exists(self.configuration)
        return is_known and (self.has_progress() or self.is_whole())

    def clear(self):
        """Deletes what would be gone on with."""
        # The configuration first: without it nothing counts of what a process that is
        # killed in between leaves behind.
        for path in (
            self.configuration,
            self.overwrite,
            self.output,
            self.checkpoints,
        ):
            files.delete(path)

    def delete(self):
        """Deletes the folder."""
        files.delete(self.path)

    def check_configuration(self, configuration, overwrite):
        """Notes the configuration, or compares it with that of the run found here.

        Args:
            configuration: gin's `config_str()`.
            overwrite: Whether a run that begins now may replace a finished model.

        Raises:
            UserError: If the run found here has another configuration.
        """
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


def _first_line_missing(text, other):
    others = set(other.splitlines())
    return next((line for line in text.splitlines() if line not in others), "nothing")


def _open(model_dir):
    return UnfinishedRun(model_dir.rstrip("/") + files.PARTIAL)
