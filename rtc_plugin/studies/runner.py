# SPDX-License-Identifier: Apache-2.0
"""Runs the models of a study: a model is a list of steps, a step a folder."""

import datetime
import importlib
import os
import signal
import sys
import time

import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.studies import disk, selection, study_folder, worker


def run(
    study,
    model_nums=None,
    root=None,
    bindings=(),
    evaluation_bindings=(),
    origin="own",
    backend="local",
    workers=1,
    retries=1,
    accept_other_version=False,
    **options,
):
    """Runs models of a study and skips what is done.

    Args:
        study: Name of a study, 'module:Class', or a `Study` of the library.
        model_nums: Numbers of the models, all if None.
        root: Folder for the results, `output/<study>` if None.
        bindings: gin bindings of training, after those of the study.
        evaluation_bindings: gin bindings of each evaluation, likewise.
        origin: Mark for the column `origin` of the results table.
        backend: Where they run, a module of `studies.backends`.
        workers: How many models run at a time.
        retries: How often a model that failed is tried again.
        accept_other_version: See `study_folder.open_study`.
        **options: Further arguments of the backend's `run`.

    Returns:
        Dictionary from model number to its state, see `StudyFolder.state`.

    Raises:
        UserError: If the folder is another study's, a number is out of range, or the
            disk is, or becomes, full.
    """
    folder = study_folder.open_study(
        study, root, bindings, evaluation_bindings, origin, accept_other_version
    )
    models = study_folder.list_models(folder.study)
    model_nums = list(range(len(models)) if model_nums is None else model_nums)
    selection.check_numbers(model_nums, len(models))
    missing = [n for n in model_nums if folder.state(n)[0] != study_folder.DONE]
    _check_space(folder.root, missing)
    _say(
        f"{len(model_nums) - len(missing)} of {len(model_nums)} models are done; "
        f"results go to {folder.root}"
    )
    if not missing:
        return {num: folder.state(num)[0] for num in model_nums}
    is_full = False
    run_models = importlib.import_module(f"rtc_plugin.studies.backends.{backend}").run
    with _Progress(len(missing)) as progress:
        name = folder.settings["study"]
        for ended in run_models(
            folder.root, name, missing, workers, retries, **options
        ):
            if ended is None:
                progress.tick()
                continue
            num, code = ended
            is_full |= code == worker.NO_SPACE
            progress.add(_describe_end(folder, num, code, models[num]))
    if is_full:
        raise UserError(
            f"--root={folder.root}: no space is left; make some and run the same "
            "command again, which goes on from there."
        )
    return {num: folder.state(num)[0] for num in model_nums}


def _check_space(root, missing):
    needed, free = disk.estimate(len(missing)), disk.free(root)
    if free < needed:
        raise UserError(
            f"--root={root}: {len(missing)} models need about {needed / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free there; make room, give another --root, "
            "or fewer --models."
        )


def _describe_end(folder, num, code, model):
    """Says how a model has ended, and records what its process could not."""
    name = f"model {num} ({describe(model)})"
    model_folder = folder.model_folder(num)
    if code == 0:
        return f"{name} is done"
    if code == worker.BUSY:
        status = study_folder.read_status(model_folder)
        return f"{name} is left to {study_folder.who(status)}, which works on it"
    if code == worker.NO_SPACE:
        return f"{name} stopped: no space is left"
    if code < 0:
        study_folder.write_status(
            model_folder,
            state=study_folder.FAILED,
            error=f"ended by {signal.Signals(-code).name}",
        )
    status = study_folder.read_status(model_folder)
    log = os.path.join(model_folder, study_folder.LOG_FILE)
    return f"{name} failed: {status.get('error', f'exit code {code}')} (see {log})"


def describe(model):
    """Returns a few words on a model, see `study_folder.list_models`."""
    words = [model["model"], model["strength"], model["dataset"]]
    words = [f"{w:g}" if isinstance(w, float) else str(w) for w in words]
    if model["seed"] != "":
        words.append(f"seed {model['seed']}")
    return " ".join(filter(None, words))


class _Progress:
    """A bar over all models on a terminal, and a line for each that has ended."""

    def __init__(self, total):
        self._total = total
        self._ended = 0
        self._begin = time.monotonic()
        self._bar = None

    def __enter__(self):
        return self

    def __exit__(self, *unused_exception):
        if self._bar is not None:
            self._bar.close()

    def tick(self):
        """Lets the clock go on."""
        if self._bar is None:
            self._bar = tqdm.tqdm(total=self._total, unit="model", disable=None)
        self._bar.refresh()

    def add(self, line):
        """Counts a model that has ended."""
        self.tick()
        self._ended += 1
        self._bar.update()
        seconds = (time.monotonic() - self._begin) / self._ended
        left = datetime.timedelta(seconds=round(seconds * (self._total - self._ended)))
        _say(f"[{self._ended}/{self._total}] {line}; about {left} left")


def _say(line):
    tqdm.tqdm.write(line, file=sys.stderr)
