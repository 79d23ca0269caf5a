# SPDX-License-Identifier: Apache-2.0
"""Gathers the evaluations below a folder into one results table.

It reads what `rtc study run`, `dlib_reproduce` and `dlib_evaluate` leave: every
`results/aggregate/evaluation.json`, at any depth. Models are read one after the other
and written as they are read, so ten thousand need no more memory than ten. A file that
cannot be read is named and left out.
"""

import itertools
import os
import pathlib
import re
import tempfile
from typing import NamedTuple

import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.files import PARTIAL
from rtc_plugin.results import records
from rtc_plugin.runs import EVALUATION_FILE, STUDY_FILE

# What of study.json a table says of its models.
_RECORDED = ("study", "origin")
NAMES = ("results.parquet", "results.csv")
# They hold no evaluation, and many files.
_SKIPPED = {"tf_checkpoint", "tfhub", "explorer", "visualizations", "artifacts"}


class Summary(NamedTuple):
    """What was gathered.

    Attributes:
        paths: Files that were written.
        num_models: Models with a readable evaluation.
        num_rows: Rows of the table.
        problems: List of `records.Problem`, what could not be read.
    """

    paths: list
    num_models: int
    num_rows: int
    problems: list


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
    problems, num_models = [], 0
    models = list(find_models(root, problems))
    with tempfile.TemporaryDirectory() as folder:
        pieces = records.Pieces(os.path.join(folder, "rows"))
        for model, evaluations in tqdm.tqdm(models, unit="model"):
            before = pieces.num_rows
            _read_model(root, model, evaluations, origin, pieces, problems)
            num_models += pieces.num_rows > before
            pieces.save(records.ROWS_AT_A_TIME)
        if not num_models:
            first = f" ({problems[0].where}: {problems[0].what})" if problems else ""
            raise UserError(
                f"--root={root} holds no evaluation{first}; give a folder above "
                "outputs of `rtc study run`, dlib_reproduce or dlib_evaluate."
            )
        pieces.save()
        records.write(pieces.types, pieces.paths, paths)
    # What concerns a whole study is said once.
    problems = list(dict.fromkeys(problems))
    return Summary(list(map(str, paths)), num_models, pieces.num_rows, problems)


def _read_model(root, folder, evaluations, origin, pieces, problems):
    settings = _find_settings(os.path.join(root, folder), problems)
    common = {
        "origin": origin or settings.get("origin", "own"),
        "study": settings.get("study", ""),
        "folder": "" if folder == "." else os.fsencode(folder).decode(errors="replace"),
    }
    has_training = False
    for path in evaluations:
        with records.one_item(path, problems):
            record = records.load_file(path)
            records.check(record)
            rows = records.scores(record, **common)
            if not has_training:
                rows = records.training(record, **common) + rows
            pieces.add(rows)
            has_training = True


def find_models(root, problems):
    """Yields the models below a folder that have evaluations.

    Args:
        root: Path of the folder.
        problems: List that gets a `records.Problem` for what cannot be listed.

    Yields:
        Pairs of a model's folder relative to `root` and the sorted paths of its
        `evaluation.json` files. Numbers are sorted as numbers.
    """
    by_model = itertools.groupby(_find_evaluations(root, problems), _model_folder)
    for folder, evaluations in by_model:
        paths = [
            os.path.join(root, name, EVALUATION_FILE) for name in sorted(evaluations)
        ]
        yield folder, paths


def _find_evaluations(root, problems):
    """Yields folders, relative to root, that hold an evaluation; a model's in a row."""
    for path, names, _ in records.walk(root, problems):
        if os.path.exists(os.path.join(path, EVALUATION_FILE)):
            names.clear()
            yield os.path.relpath(path, root)
        names[:] = sorted(filter(_may_hold_evaluations, names), key=_natural)


def _may_hold_evaluations(name):
    is_hidden = name.startswith(".")
    return not (is_hidden or name in _SKIPPED or name.endswith(PARTIAL))


def _natural(name):
    # Text and numbers take turns. Other digits than these are text, such as "\u00b2".
    parts = re.split("([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _model_folder(evaluation):
    """Returns the part before `metrics`, or that the evaluation's folder lies in."""
    parts = evaluation.split(os.sep)
    if "metrics" in parts:
        del parts[len(parts) - 1 - parts[::-1].index("metrics") :]
    else:
        parts.pop()
    return os.path.join(*parts) if parts else "."


def _find_settings(folder, problems):
    """Returns what the `study.json` above a folder holds, {} if there is none."""
    for parent in itertools.islice(pathlib.Path(folder).resolve().parents, 2):
        settings = recorded_settings(parent, problems)
        if settings is not None:
            return settings
    return {}


def recorded_settings(root, problems):
    """Returns the settings of a folder whose results are to be gathered.

    Args:
        root: Path of the folder.
        problems: List that gets a `records.Problem` if `study.json` cannot be used; the
            models below are read all the same.

    Returns:
        Dictionary with study and origin, both text; {} if it cannot be used, None if
        there is none.
    """
    path = os.path.join(root, STUDY_FILE)
    with records.one_item(path, problems):
        try:
            settings = records.load_file(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        found = {name: settings[name] for name in _RECORDED if name in settings}
        for name, text in found.items():
            if not isinstance(text, str) or not text.isprintable() or len(text) > 200:
                raise UserError(f"has {text!r:.40} as {name}, no name.")
        return found
    return {}
