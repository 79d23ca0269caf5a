# SPDX-License-Identifier: Apache-2.0
"""What is done for one model of a study: steps, each a folder that is there or not.

The steps, their order, their folders and their seeds are those of `dlib_reproduce`, so
that either may go on with what the other has done.
"""

import functools
import json
import os
from typing import Callable, NamedTuple, Optional

import numpy as np

from rtc_plugin import runs
from rtc_plugin.compat import evaluation


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

    def step(name, result, needs, function, *args):
        folder = os.path.join(model_folder, *name.split("/"))
        return Step(name, folder, result, needs, functools.partial(function, *args))

    train = step(
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
    # All draws are made, also those of steps that are left out, as in dlib_reproduce.
    random_state = np.random.RandomState(0)
    representations = [
        step(
            f"postprocessed/{_stem(config)}",
            runs.POSTPROCESS_FILE,
            train,
            _postprocess,
            train.folder,
            config,
            [
                f"postprocess.random_seed = {random_state.randint(2**32)}",
                f"postprocess.name = '{_stem(config)}'",
            ],
        )
        for config in sorted(study.get_postprocess_config_files())
    ]
    metrics = []
    for representation in representations:
        name = representation.name.rpartition("/")[2]
        for config in sorted(study.get_eval_config_files()):
            seed = random_state.randint(2**32)
            applies_to = evaluation.read_applies_to(config)
            if applies_to is not None and name not in applies_to:
                continue
            metric = step(
                f"metrics/{name}/{_stem(config)}",
                runs.EVALUATION_FILE,
                representation,
                _evaluate,
                representation.folder,
                config,
                [
                    f"evaluation.random_seed = {seed}",
                    f"evaluation.name = '{_stem(config)}'",
                    *evaluation_bindings,
                ],
            )
            metrics.append(metric)
    explorer = step("explorer", "", train, _write_explorer, train.folder)
    return [train, *representations, *metrics, explorer]


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
