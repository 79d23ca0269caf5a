# SPDX-License-Identifier: Apache-2.0
"""All metrics of trained models in one process: each image is encoded once."""

import contextlib
import datetime
import json
import os
import re
import sys
import time
import traceback
from typing import NamedTuple

import pandas as pd

from rtc_plugin import configs, files, runs
from rtc_plugin.compat import commands
from rtc_plugin.errors import UserError
from rtc_plugin.results import summary
from rtc_plugin.studies import model_steps


class Model(NamedTuple):
    """A trained model.

    Attributes:
        model_dir: Folder that `dlib_train` has made.
        folder: Folder for its representations and metrics.
    """

    model_dir: str
    folder: str


def find_models(paths, output=None):
    """Lists trained models.

    Args:
        paths: Folders that `dlib_train` has made; that hold one as `model`, as
            `dlib_reproduce` lays them out; or that hold such folders.
        output: Folder for the results, `<name>/...` for each model; by default they go
            beside the model's folder `model`.

    Returns:
        List of `Model`s.

    Raises:
        UserError: There is none, results have no place, or two would share one.
    """
    models = []
    for path in paths:
        found = _models_in(path)
        if not found and os.path.isdir(path):
            below = [os.path.join(path, name) for name in os.listdir(path)]
            found = [model for folder in below for model in _models_in(folder)]
        if not found:
            raise UserError(
                f"{path} holds no trained model; give a folder that dlib_train has "
                "made, or one of such folders."
            )
        models += sorted(found, key=_numbers_by_value)
    placed = {}
    for model_dir in models:
        parent, name = os.path.split(os.path.abspath(model_dir))
        folder = parent
        if output is not None:
            own = os.path.basename(parent) if name == "model" else name
            folder = os.path.join(output, own)
        elif name != "model":
            raise UserError(
                f"{model_dir} is no folder `model`, beside which results would go; say "
                "with --output where they should."
            )
        other = placed.setdefault(folder, Model(model_dir, folder))
        if os.path.realpath(other.model_dir) != os.path.realpath(model_dir):
            raise UserError(
                f"the results of {other.model_dir} and {model_dir} would both be in "
                f"{folder}; evaluate them one after the other, to different --output."
            )
    return list(placed.values())


def find_configs(flag, names, folder):
    """Lists gin files.

    Args:
        flag: The flag that names them, for the message.
        names: Paths of files or of folders of them, or names of the plugin's files
            without folder and ending, such as `mean`.
        folder: Folder of the latter, such as `gin/postprocess`.

    Returns:
        List of absolute paths.

    Raises:
        UserError: One is not there, a folder is empty, or two have the same name.
    """
    found = []
    for name in names:
        if os.path.isdir(name):
            below = sorted(os.listdir(name))
            paths = [os.path.join(name, n) for n in below if n.endswith(".gin")]
        else:
            path = configs.find(name) or configs.find(f"{folder}/{name}.gin")
            paths = [path] if path else []
        if not paths:
            raise UserError(
                f"{flag}={name} is no gin file, nor a folder of any; "
                f"{configs.suggest(name)}"
            )
        found += map(os.path.abspath, paths)
    by_name = {os.path.basename(path): path for path in found}
    for path in found:
        if by_name[os.path.basename(path)] != path:
            raise UserError(
                f"{flag}: {path} and {by_name[os.path.basename(path)]} have the same "
                "name, and their results would have the same folder; rename one."
            )
    return list(by_name.values())


def evaluate(models, postprocess_files, metric_files, bindings=()):
    """Computes what is missing of the metrics of models; says how far it has come.

    Results are laid out, and seeds drawn, as by `dlib_reproduce --model_dir`. Each of
    them is whole or not there, so that nothing is lost of an interrupted call but the
    metric that it was at.

    Args:
        models: List of `Model`s.
        postprocess_files: gin files, one per representation.
        metric_files: gin files, one per metric.
        bindings: Further gin bindings of each evaluation.

    Returns:
        Number of steps that failed, each of which has been said in a line.

    Raises:
        OSError: The disk is full.
    """
    plans = {
        model: model_steps.plan_evaluation(
            model.model_dir,
            model.folder,
            postprocess_files,
            metric_files,
            bindings=bindings,
        )
        for model in models
    }
    clock = _Clock([step for steps in plans.values() for step in steps])
    num_failed = 0
    for model, steps in plans.items():
        with files.locked(model.folder, patience=1) as is_free:
            if not is_free:
                num_failed += 1
                _say(f"{model.folder} is left out: another process works in it")
                continue
            for step in model_steps.missing(steps):
                _say(clock.describe(step, os.path.basename(model.folder)))
                begin = time.monotonic()
                error = model_steps.do(step)
                clock.note(step, time.monotonic() - begin)
                if error is None:
                    continue
                num_failed += 1
                if commands.explain(error, error.__traceback__) is None:
                    traceback.print_exception(type(error), error, error.__traceback__)
                _say(f"{step.name} failed: {model_steps.explain(error)}")
    return num_failed


def tabulate(models):
    """Returns the scores of models as a table, a string; '' if there are none."""
    tables = []
    for model in models:
        with contextlib.suppress(UserError):
            scores = summary.read_scores(os.path.join(model.folder, "metrics"))
            name = os.path.basename(model.folder) if len(models) > 1 else ""
            tables.append(scores.assign(model=name))
    return summary.tabulate(pd.concat(tables)) if tables else ""


class _Clock:
    """Counts steps, and estimates what is left by what steps of the same name took."""

    def __init__(self, steps):
        self._left = [step for step in steps if not step.is_done()]
        self._total = len(self._left)
        self._seconds = {}
        for step in steps:
            if step not in self._left:
                self._seconds.update(_recorded_seconds(step))
        if self._total < len(steps):
            _say(f"{len(steps) - self._total} of {len(steps)} steps are done already")

    def describe(self, step, model):
        """Says which step is next and how long all that is left may take."""
        number = self._total - len(self._left) + 1
        text = f"[{number}/{self._total}] {model}: {step.name}"
        if not self._seconds:
            return text
        # What has not been seen yet takes what the others take.
        others = sum(self._seconds.values()) / len(self._seconds)
        left = sum(self._seconds.get(_kind(step), others) for step in self._left)
        return f"{text}; about {datetime.timedelta(seconds=round(left))} left"

    def note(self, step, seconds):
        """Notes what a step took."""
        self._left.remove(step)
        self._seconds[_kind(step)] = seconds


def _kind(step):
    """Returns what steps that take about as long have in common."""
    folder, _, name = step.name.rpartition("/")
    return name if folder.startswith("metrics") else folder


def _recorded_seconds(step):
    try:
        with open(os.path.join(step.folder, runs.SCORES_FILE)) as file:
            return {_kind(step): float(json.load(file)["elapsed_time"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _models_in(path):
    """Returns the model that a folder is, or holds as `model`; [] if there is none."""
    for folder in (path, os.path.join(path, "model")):
        trained = os.path.join(folder, "results", "gin", "train.gin")
        extracted = os.path.join(folder, "results", "gin", "postprocess.gin")
        if os.path.isdir(os.path.join(folder, "tfhub")) and os.path.exists(trained):
            return [] if os.path.exists(extracted) else [folder]
    return []


def _numbers_by_value(path):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def _say(line):
    print(line, file=sys.stderr, flush=True)
