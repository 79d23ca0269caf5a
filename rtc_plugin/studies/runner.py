# SPDX-License-Identifier: Apache-2.0
"""Runs the models of a study: a model is a list of steps, a step a folder."""

import os
import signal
import sys

import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.studies import disk, study_folder, worker
from rtc_plugin.studies.backends import local


def run(
    study,
    model_nums=None,
    root=None,
    bindings=(),
    evaluation_bindings=(),
    origin="own",
    workers=1,
    retries=1,
    accept_other_version=False,
):
    """Runs models of a study and skips what is done.

    Args:
        study: Name of a study, 'module:Class', or a `Study` of the library.
        model_nums: Numbers of the models, all if None.
        root: Folder for the results, `output/<study>` if None.
        bindings: gin bindings of training, after those of the study.
        evaluation_bindings: gin bindings of each evaluation, likewise.
        origin: Mark for the column `origin` of the results table.
        workers: How many models run at a time.
        retries: How often a model that failed is tried again.
        accept_other_version: See `study_folder.open_study`.

    Returns:
        Dictionary from model number to its state, see `StudyFolder.state`.

    Raises:
        UserError: If the folder is another study's, a number is out of range, or the
            disk is, or becomes, full.
    """
    folder = study_folder.open_study(
        study, root, bindings, evaluation_bindings, origin, accept_other_version
    )
    model_nums = check_model_nums(folder.study, model_nums)
    states = {num: folder.state(num)[0] for num in model_nums}
    missing = [num for num in model_nums if states[num] != study_folder.DONE]
    _check_space(folder.root, missing)
    _say(
        f"{len(model_nums) - len(missing)} of {len(model_nums)} models are done; the "
        f"others run with {workers} at a time, their results go to {folder.root}"
    )
    is_full = False
    finished = local.run(folder.root, missing, workers, retries)
    for num, code in tqdm.tqdm(finished, total=len(missing), unit="model"):
        is_full |= code == worker.NO_SPACE
        _note(folder, num, code)
    if is_full:
        raise UserError(
            f"--root={folder.root}: no space is left; make some and run the same "
            "command again, which goes on from there."
        )
    return {num: folder.state(num)[0] for num in model_nums}


def check_model_nums(study, model_nums):
    """Returns model numbers without repetition, all if None.

    Raises:
        UserError: If a number is not in the study.
    """
    count = study_folder.count_models(study)
    if model_nums is None:
        return list(range(count or 1))
    for num in model_nums:
        if num < 0 or (count is not None and num >= count):
            raise UserError(
                f"--models: there is no model {num}; the study has the models 0 to "
                f"{count - 1}."
            )
    return list(dict.fromkeys(model_nums))


def _check_space(root, missing):
    needed, free = disk.estimate(len(missing)), disk.free(root)
    if free < needed:
        raise UserError(
            f"--root={root}: {len(missing)} models need about {needed / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free there; make room, give another --root, "
            "or fewer --models."
        )


def _note(folder, num, code):
    """Says how a model has ended, and records what its process could not."""
    model_folder = folder.model_folder(num)
    log = os.path.join(model_folder, study_folder.LOG_FILE)
    if code == worker.BUSY:
        status = study_folder.read_status(model_folder)
        _say(f"model {num}: {study_folder.who(status)} works on it")
        return
    if code < 0:
        error = f"ended by {signal.Signals(-code).name}"
        study_folder.write_status(model_folder, state=study_folder.FAILED, error=error)
    if code not in (0, worker.NO_SPACE):
        error = study_folder.read_status(model_folder).get("error", f"exit code {code}")
        _say(f"model {num} failed: {error} (see {log})")


def _say(line):
    tqdm.tqdm.write(line, file=sys.stderr)
