# SPDX-License-Identifier: Apache-2.0
"""What is done for one model of a study: steps, each a folder that is there or not.

The steps, their order, their folders and their seeds are those of `dlib_reproduce`, so
that either may go on with what the other has done.
"""

import errno
import functools
import json
import os
import sys
from typing import Callable, NamedTuple, Optional

import numpy as np

from rtc_plugin import files, runs
from rtc_plugin.compat import commands, evaluation
from rtc_plugin.studies import disk


class Step(NamedTuple):
    """One step of a model.

    Attributes:
        name: The folder's path below the model's folder.
        folder: Its whole path.
        result: A JSON file that a whole folder holds, relative to it; '' if its being
            there is all that can be said.
        needs: Step that must be done before, or None.
        run: Function of the folder that makes it, whole or not at all.
    """

    name: str
    folder: str
    result: str
    needs: Optional["Step"]
    run: Callable

    def is_done(self):
        """Returns whether the folder is there and whole."""
        if not os.path.isdir(self.folder):
            return False
        if not self.result:
            return True
        try:
            with open(os.path.join(self.folder, self.result)) as file:
                json.load(file)
        except (OSError, ValueError):
            return False
        return True


def plan(study, model_num, model_folder, bindings=(), evaluation_bindings=()):
    """Lists the steps of a model.

    Args:
        study: `Study` of the library.
        model_num: Number of the model.
        model_folder: Folder for all that belongs to the model.
        bindings: gin bindings of training, after those of the study.
        evaluation_bindings: gin bindings of each evaluation, likewise.

    Returns:
        List of `Step`s, in order.
    """
    model_bindings, config_file = study.get_model_config(model_num)

    train = _step(
        model_folder,
        "model",
        runs.TRAIN_FILE,
        None,
        _train,
        config_file,
        [
            f"model.name = '{_stem(config_file)}'",
            f"model.model_num = {model_num}",
            *model_bindings,
            *bindings,
        ],
    )
    evaluations = plan_evaluation(
        train.folder,
        model_folder,
        study.get_postprocess_config_files(),
        study.get_eval_config_files(),
        bindings=evaluation_bindings,
        needs=train,
    )
    explorer = _step(model_folder, "explorer", "", train, _write_explorer, train.folder)
    return [train, *evaluations, explorer]


def plan_evaluation(
    model_dir,
    model_folder,
    postprocess_files,
    metric_files,
    postprocess_bindings=(),
    bindings=(),
    needs=None,
):
    """Lists the steps that compute metrics on representations of a trained model.

    Args:
        model_dir: Folder that `dlib_train` has made.
        model_folder: Folder for `postprocessed/...` and `metrics/...`.
        postprocess_files: gin files, one per representation.
        metric_files: gin files, one per metric; `applies_to` in them counts.
        postprocess_bindings: gin bindings of each extraction, after those of the file.
        bindings: gin bindings of each evaluation, likewise.
        needs: `Step` that must be done before, or None.

    Returns:
        List of `Step`s, in order.
    """
    # All draws are made, also those of steps that are left out, as in dlib_reproduce.
    random_state = np.random.RandomState(0)
    representations = [
        _step(
            model_folder,
            f"postprocessed/{_stem(config)}",
            runs.POSTPROCESS_FILE,
            needs,
            _postprocess,
            model_dir,
            config,
            [
                f"postprocess.random_seed = {random_state.randint(2**32)}",
                f"postprocess.name = '{_stem(config)}'",
                *postprocess_bindings,
            ],
        )
        for config in sorted(postprocess_files)
    ]
    metrics = []
    for representation in representations:
        name = representation.name.rpartition("/")[2]
        for config in sorted(metric_files):
            seed = random_state.randint(2**32)
            applies_to = evaluation.read_applies_to(config)
            if applies_to is not None and name not in applies_to:
                continue
            metric = _step(
                model_folder,
                f"metrics/{name}/{_stem(config)}",
                runs.EVALUATION_FILE,
                representation,
                _evaluate,
                representation.folder,
                config,
                [
                    f"evaluation.random_seed = {seed}",
                    f"evaluation.name = '{_stem(config)}'",
                    *bindings,
                ],
            )
            metrics.append(metric)
    return [*representations, *metrics]


def missing(steps):
    """Yields the steps that are to be done, once those that they need have been tried.

    A step whose need is not done is left out: its failure is known already.
    """
    for step in steps:
        if not step.is_done() and (step.needs is None or step.needs.is_done()):
            yield step


def do(step):
    """Does a step; what is half written is made anew.

    Args:
        step: `Step`.

    Returns:
        The exception in which it ended, None if it is done. One that fails does not
        keep others from being done.

    Raises:
        OSError: The disk is full.
    """
    # At once: an interrupted step would else begin anew each time.
    files.delete(step.folder)
    try:
        step.run(step.folder)
    except Exception as error:
        if disk.is_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        return error
    finally:
        if "gin" in sys.modules:
            sys.modules["gin"].clear_config()


def explain(error):
    """Returns one line about an exception."""
    message = commands.explain(error, error.__traceback__)
    if message is None:
        message = f"{type(error).__name__}: {error}"
    return (message.strip().splitlines() or [""])[0]


def _step(model_folder, name, result, needs, function, *args):
    folder = os.path.join(model_folder, *name.split("/"))
    return Step(name, folder, result, needs, functools.partial(function, *args))


def _stem(config_file):
    return os.path.basename(config_file).replace(".gin", "")


def _train(config_file, bindings, folder):
    from disentanglement_lib.methods.unsupervised import train

    train.train_with_gin(folder, False, [config_file], bindings)


def _postprocess(model_dir, config_file, bindings, folder):
    from disentanglement_lib.postprocessing import postprocess

    postprocess.postprocess_with_gin(model_dir, folder, False, [config_file], bindings)


def _evaluate(representation_dir, config_file, bindings, folder):
    from disentanglement_lib.evaluation import evaluate

    evaluate.evaluate_with_gin(
        representation_dir, folder, False, [config_file], bindings
    )


def _write_explorer(model_dir, folder):
    from rtc_plugin.visualize import explorer

    explorer.write_explorer(model_dir, folder)
