# SPDX-License-Identifier: Apache-2.0
"""Gathers the evaluations below a folder into one results table.

It reads what `rtc_study run`, `dlib_reproduce` and `dlib_evaluate` leave: every
`results/aggregate/evaluation.json`, at any depth. Models are read one after the other
and written as they are read, so ten thousand need no more memory than ten.
"""

import itertools
import json
import os
import pathlib
import re
from typing import NamedTuple

import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.files import PARTIAL
from rtc_plugin.studies import results_table, study_folder

EVALUATION = os.path.join("results", "aggregate", "evaluation.json")
NAMES = ("results.parquet", "results.csv")
# Written together; enough that Parquet's pieces are not tiny.
MODELS_PER_PIECE = 20
# They hold no evaluation, and many files.
_SKIPPED = {"tf_checkpoint", "tfhub", "explorer", "visualizations", "artifacts"}


class Summary(NamedTuple):
    """What was gathered.

    Attributes:
        paths: Files that were written.
        num_models: Models with a readable evaluation.
        num_rows: Rows of the table.
        broken: Paths of result files that could not be read.
    """

    paths: list
    num_models: int
    num_rows: int
    broken: list


def collect(root, paths=None, origin=None):
    """Writes the results table of a folder.

    Args:
        root: Folder with models at any depth; a `study.json` on the way says which
            study they belong to.
        paths: Files to write, `results.parquet` and `results.csv` in `root` if None.
        origin: Value of the column; that of `study.json`, or 'own', if None.

    Returns:
        `Summary`.

    Raises:
        UserError: If there is no evaluation, or a file's name has another suffix.
    """
    if paths is None:
        paths = [os.path.join(root, name) for name in NAMES]
    reader = _Reader(root, origin)
    # The columns must be known before the first row is written; any evaluation of a
    # model has all of its settings.
    types = results_table.column_types(rows[0] for rows in reader.models(quick=True))
    if not reader.num_models:
        raise UserError(
            f"--root={root} holds no evaluation; give a folder above outputs of "
            "`rtc_study run`, dlib_reproduce or dlib_evaluate."
        )
    num_rows = 0
    with results_table.Writer(types, *paths) as writer:
        models = iter(tqdm.tqdm(reader.models(), total=reader.num_models, unit="model"))
        while piece := list(itertools.islice(models, MODELS_PER_PIECE)):
            rows = list(itertools.chain.from_iterable(piece))
            writer.add(rows)
            num_rows += len(rows)
    return Summary(list(map(str, paths)), reader.num_models, num_rows, reader.broken)


def find_models(root):
    """Yields the models below a folder that have evaluations.

    Args:
        root: Path of the folder.

    Yields:
        Pairs of a model's folder relative to `root` and the sorted paths of its
        `evaluation.json` files. Numbers are sorted as numbers.
    """
    by_model = itertools.groupby(_find_evaluations(root), _model_folder)
    for folder, evaluations in by_model:
        paths = [os.path.join(root, name, EVALUATION) for name in sorted(evaluations)]
        yield folder, paths


def _find_evaluations(root):
    """Yields folders, relative to root, that hold an evaluation; a model's in a row."""
    for path, names, _ in os.walk(root):
        if os.path.exists(os.path.join(path, EVALUATION)):
            names.clear()
            yield os.path.relpath(path, root)
        names[:] = sorted(filter(_may_hold_evaluations, names), key=_natural)


def _may_hold_evaluations(name):
    is_hidden = name.startswith(".")
    return not (is_hidden or name in _SKIPPED or name.endswith(PARTIAL))


def _natural(name):
    return [
        (part.isdigit(), int(part) if part.isdigit() else part)
        for part in re.split(r"(\d+)", name)
    ]


def _model_folder(evaluation):
    """Returns the part before `metrics`, or that the evaluation's folder lies in."""
    parts = evaluation.split(os.sep)
    if "metrics" in parts:
        del parts[len(parts) - 1 - parts[::-1].index("metrics") :]
    else:
        parts.pop()
    return os.path.join(*parts) if parts else "."


class _Reader:
    """Reads models one by one.

    Attributes:
        num_models: How many the last pass has found.
        broken: Paths of files that could not be read.
    """

    def __init__(self, root, origin):
        self._root = root
        self._origin = origin
        self.num_models = 0
        self.broken = []

    def models(self, quick=False):
        """Yields the rows of each model, as a list; a few of them if `quick`."""
        self.num_models = 0
        self.broken = []
        for folder, paths in find_models(self._root):
            rows = self._read(folder, paths, quick)
            if rows:
                self.num_models += 1
                yield rows

    def _read(self, folder, paths, quick):
        settings = _find_settings(os.path.join(self._root, folder))
        names = {
            "origin": self._origin or settings.get("origin", "own"),
            "study": settings.get("study", ""),
            "folder": "" if folder == "." else folder,
        }
        rows = []
        for path in paths:
            try:
                with open(path) as file:
                    record = json.load(file)
            except (OSError, ValueError):
                self.broken.append(path)
                continue
            if not rows:
                rows += results_table.training_rows(record, **names)
            rows += results_table.tidy_rows(record, **names)
            if quick and rows:
                break
        return rows


def _find_settings(folder):
    """Returns what the `study.json` above a folder holds, {} if there is none."""
    for parent in itertools.islice(pathlib.Path(folder).resolve().parents, 2):
        settings = study_folder.read_settings(parent)
        if settings is not None:
            return settings
    return {}
