# SPDX-License-Identifier: Apache-2.0
"""The scores that models carry with them, gathered into one tidy table.

Read are zips, folders, and the JSON of `dlib_aggregate_results`. From a zip nothing is
unpacked but the results, and of those only JSON is read; a hundred thousand models need
no more memory than a hundred. See `rtc_plugin.studies.results_table` for the columns.
To them come rows `setting/<parameter>`: with which parameters a metric was computed,
where these are numbers, because scores of different sample sizes, bins or forms do not
compare.
"""

import concurrent.futures
import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import tqdm

from rtc_plugin.cores import num_usable_cores
from rtc_plugin.errors import UserError
from rtc_plugin.studies import results_table, study_folder
from rtc_plugin.zoo import archive, numbers

SETTING = "setting/"
MAX_JSON_BYTES = 16 << 20
_MODELS_AT_A_TIME = 50
_AGGREGATE = re.compile(
    r"metrics/(?P<representation>[^/]+)/(?P<metric>[^/]+)/results/aggregate/"
    r"evaluation\.json"
)
_PIECE = re.compile(
    r"metrics/(?P<representation>[^/]+)/(?P<metric>[^/]+)/results/json/"
    r"(?P<piece>\w+)\.json"
)


class Problem(NamedTuple):
    """Something that could not be read, and why."""

    where: str
    what: str


def find_sources(paths):
    """Lists what there is to read.

    Args:
        paths: Zips, folders (of zips, of models, or one model's) and JSON files.

    Returns:
        Sorted list of paths of zips, models' folders and JSON files.

    Raises:
        UserError: A path does not exist, or nothing is found in it.
    """
    found = []
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(_sources_in_folder(path))
            if not inside:
                raise UserError(
                    f"{path} holds neither zips nor models; a model's folder has "
                    "metrics/ or model/ in it."
                )
            found += inside
        elif os.path.isfile(path):
            found.append(str(path))
        else:
            raise UserError(f"{path} does not exist; give zips, folders or JSON files.")
    return list(dict.fromkeys(found))


def _sources_in_folder(path):
    for folder, inside, names in os.walk(path):
        if "metrics" in inside or "model" in inside:
            yield folder
            inside.clear()
            continue
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (os.path.join(folder, n) for n in names if n.endswith(".zip"))


def collect(paths, output_paths, origin="zoo", workers=None):
    """Writes the table of all scores found.

    Args:
        paths: As `find_sources`.
        output_paths: Files that end in .parquet or .csv.
        origin: Value of the table's column, zoo or own, for what does not say it
            itself, as the folders of `rtc_study` and `rtc_zoo rebuild` do.
        workers: Processes; all usable cores by default.

    Returns:
        Number of models, number of rows, list of `Problem`.

    Raises:
        UserError: As `find_sources`; also if nothing can be read.
    """
    sources = find_sources(paths)
    pieces = [
        sources[i : i + _MODELS_AT_A_TIME]
        for i in range(0, len(sources), _MODELS_AT_A_TIME)
    ]
    num_models, num_rows, problems, types = 0, 0, [], {}
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for i, result in enumerate(_map(pieces, folder, origin, workers)):
            num_models += result.num_models
            num_rows += result.num_rows
            problems += result.problems
            types = _join_types(types, result.types)
            if result.num_rows:
                written.append(os.path.join(folder, f"{i}.parquet"))
        if not num_rows:
            first = f" ({problems[0].where}: {problems[0].what})" if problems else ""
            raise UserError(f"{paths[0]} holds no scores{first}.")
        with results_table.Writer(types, *output_paths) as writer:
            for path in written:
                writer.add_table(_with_types(pd.read_parquet(path), types))
                os.remove(path)
    return num_models, num_rows, problems


def read(paths, origin="zoo", workers=1):
    """Returns the table of all scores found, and the list of `Problem`.

    Args and errors are those of `collect`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scores.parquet")
        *_, problems = collect(paths, [path], origin, workers)
        return results_table.read(path), problems


class _Piece(NamedTuple):
    num_models: int
    num_rows: int
    problems: list
    types: dict


def _map(pieces, folder, origin, workers):
    arguments = [
        (piece, os.path.join(folder, f"{i}.parquet"), origin)
        for i, piece in enumerate(pieces)
    ]
    workers = min(workers or num_usable_cores(), len(pieces))
    total = sum(map(len, pieces))
    with tqdm.tqdm(total=total, desc="reading", unit="model", disable=None) as bar:
        with contextlib.ExitStack() as stack:
            if workers > 1:
                pool = concurrent.futures.ProcessPoolExecutor(workers)
                results = stack.enter_context(pool).map(_read_piece, *zip(*arguments))
            else:
                results = (_read_piece(*argument) for argument in arguments)
            for piece, result in zip(pieces, results):
                bar.update(len(piece))
                yield result


def _read_piece(sources, path, origin):
    rows, problems, num_models = [], [], 0
    for source in sources:
        try:
            for model_rows, model_problems in read_models(source, origin):
                num_models += bool(model_rows)
                rows += model_rows
                problems += model_problems
        except UserError as error:
            problems.append(Problem(source, str(error)))
    # All rows of an evaluation have the same bindings; one is enough to learn types.
    one_each = {
        (row["folder"], row["representation"], row["metric"]): row for row in rows
    }
    types = results_table.column_types(one_each.values())
    if rows:
        with results_table.Writer(types, path) as writer:
            writer.add(rows)
    return _Piece(num_models, len(rows), problems, types)


def read_models(source, origin="zoo"):
    """Reads the scores of the models in one source.

    Args:
        source: Path of a zip, a model's folder, or a JSON file.
        origin: Value of the table's column.

    Yields:
        Per model, a list of rows as `results_table.tidy_rows` and a list of `Problem`.

    Raises:
        UserError: The source cannot be read at all.
    """
    if os.path.isfile(source) and source.endswith(".json"):
        yield from _read_aggregated(source, origin)
        return
    origin = _recorded_origin(source) or origin
    with archive.open_archive(source) as opened:
        models = archive.find_models(opened)
        if not models:
            raise UserError("no model in it; expected such as 0/metrics/mean/mig/...")
        for model in models:
            yield _read_model(opened, model, origin)


def _recorded_origin(source):
    """Returns what the study's folder around a model says, None if there is none."""
    parent = os.path.dirname(os.path.abspath(source))
    try:
        settings = study_folder.read_settings(parent)
    except UserError:
        return None
    return (settings or {}).get("origin")


def _read_model(opened, model, origin):
    where = os.path.join(str(opened.path), model.root).rstrip("/")
    rows, problems, trained = [], [], []
    for names, files in _evaluations(model.names).items():
        try:
            record = _load_record(opened, model.root, files)
            _check_record(record, names)
            number, study = _identify(record, where)
            common = dict(origin=origin, study=study, model_num=number, folder=where)
            rows += _tidy(record, common, names)
            trained = trained or _tidy_training(record, common)
        except UserError as error:
            problems.append(Problem(where, str(error)))
    rows += trained
    if not rows and not problems:
        problems.append(Problem(where, "has no evaluation."))
    return rows, problems


def _tidy(record, common, names):
    """Returns an evaluation's rows; a `UserError` if the table cannot hold them."""
    place = "/".join(names)
    rows = _call(results_table.tidy_rows, with_settings(record), common, place)
    # All rows say the same of the model.
    for row in rows[:1]:
        for name, kind in results_table.MODEL_COLUMNS.items():
            value = row[name]
            is_whole = isinstance(value, int) and -(2**63) <= value < 2**63
            fits = {
                "Int64": is_whole,
                "float64": is_whole or isinstance(value, float),
                "string": True,
            }
            if value is not None and not fits[kind]:
                raise UserError(f"{place} has {value!r:.40} as {name}, no such number.")
    return rows


def _tidy_training(record, common):
    return _call(results_table.training_rows, record, common, "training")


def _call(function, record, common, place):
    try:
        return function(record, **common)
    except (OverflowError, RecursionError, TypeError, ValueError) as error:
        raise UserError(f"{place} holds no usable results ({error}).") from error


def _evaluations(names):
    """Groups the files of each evaluation: the joined one, or the pieces of it."""
    found = {}
    for name in names:
        match = _AGGREGATE.fullmatch(name) or _PIECE.fullmatch(name)
        if match:
            key = match["representation"], match["metric"]
            found.setdefault(key, []).append(name)
    # Written first were the pieces; the joined file repeats them all.
    return {
        key: [name for name in files if "/aggregate/" in name] or files
        for key, files in found.items()
    }


def _load_record(opened, root, files):
    record = {}
    for name in files:
        content = _load_json(opened, root + name)
        piece = _PIECE.fullmatch(name)
        prefix = piece["piece"] + "." if piece else ""
        record.update((prefix + key, value) for key, value in content.items())
    return record


def _load_json(opened, name):
    content = opened.read(name, MAX_JSON_BYTES)
    try:
        loaded = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name} is no JSON ({error}).") from error
    if not isinstance(loaded, dict):
        raise UserError(f"{name} holds a {type(loaded).__name__}, no record.")
    return loaded


def _check_record(record, names):
    """Names what a record lacks, and mends what older files are known to lack."""
    for section in ("train_config.", "evaluation_results."):
        if not any(key.startswith(section) for key in record):
            raise UserError(f"{'/'.join(names)} has no {section}*; not read.")
    # The folders say it, too, as dlib_reproduce lays them out.
    representation, metric = names
    record.setdefault("postprocess_config.postprocess.name", f"'{representation}'")
    record.setdefault("evaluation_config.evaluation.name", f"'{metric}'")


def _identify(record, where):
    """Returns a model's number and its study, as far as they can be told."""
    text = record.get("train_config.model.model_num")
    with contextlib.suppress(TypeError, ValueError):
        number = int(text)
        return number, _study(number, record)
    stem = Path(where).stem
    if not stem.isdigit():
        return None, ""
    # The name counts only where what it stands for is what was trained.
    number = int(stem)
    study = _study(number, record)
    return (number, study) if study else (None, "")


def _study(number, record):
    if not 0 <= number < numbers.NUM_STUDY:
        return ""
    model = numbers.models()[number]
    config = {
        key: str(record.get(f"train_config.{key}", "")).strip("'\"")
        for key in ("dataset.name", "model.random_seed", model.strength_name)
    }
    with contextlib.suppress(ValueError):
        if (
            config["dataset.name"] == model.dataset
            and int(config["model.random_seed"]) == model.seed
            and float(config[model.strength_name]) == model.strength
        ):
            return numbers.STUDY
    return ""


def with_settings(record):
    """Adds results that say with which numbers a metric was computed.

    Args:
        record: As `results_table.tidy_rows` takes it.

    Returns:
        Record with further results `setting/<parameter>`; booleans are 0 and 1.
    """
    settings = {}
    for key, text in record.items():
        if key.startswith("evaluation_config.") and not key.endswith("random_seed"):
            value = {"True": 1.0, "False": 0.0}.get(text)
            with contextlib.suppress(TypeError, ValueError):
                value = float(text) if value is None else value
            if value is not None:
                name = SETTING + key[len("evaluation_config.") :]
                settings[f"evaluation_results.{name}"] = value
    return {**record, **settings}


def _read_aggregated(path, origin):
    """Reads columns, as `dlib_aggregate_results` writes them, or a list of records."""
    try:
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}).") from error
    if isinstance(content, dict) and all(isinstance(v, dict) for v in content.values()):
        indices = dict.fromkeys(i for column in content.values() for i in column)
        records = [
            {name: column.get(index) for name, column in content.items()}
            for index in indices
        ]
    elif isinstance(content, list) and all(isinstance(r, dict) for r in content):
        records = content
    else:
        raise UserError(
            f"{path} holds neither columns, as dlib_aggregate_results writes them, nor "
            "a list of records."
        )
    by_model, problems = {}, []
    for i, cells in enumerate(records):
        # What other methods have and this one does not is a null.
        record = {name: value for name, value in cells.items() if value is not None}
        where = f"{path}[{i}]"
        names, folder = _names_of(record), _folder_of(record)
        try:
            _check_record(record, names)
            number, study = _identify(record, where)
            common = dict(origin=origin, study=study, model_num=number, folder=folder)
            rows = _tidy(record, common, names)
            model = str(record.get("train_results.uuid", folder))
            if model not in by_model:
                by_model[model] = _tidy_training(record, common)
            by_model[model] += rows
        except UserError as error:
            problems.append(Problem(where, str(error)))
    for rows in by_model.values():
        yield rows, []
    if problems:
        yield [], problems


def _names_of(record):
    """Returns representation and metric, as the path that was recorded has them."""
    parts = str(record.get("path", "")).split("/")
    if "metrics" in parts[:-3]:
        at = len(parts) - 1 - parts[::-1].index("metrics")
        return parts[at + 1], parts[at + 2]
    return "", ""


def _folder_of(record):
    return str(record.get("path", "")).partition("/metrics/")[0]


def _join_types(first, second):
    """Returns the columns of both; a type that both take."""
    joined = {**first, **second}
    for name in first.keys() & second.keys():
        kinds = {first[name], second[name]}
        if len(kinds) == 2:
            joined[name] = "float64" if kinds == {"Int64", "float64"} else "string"
    configs = sorted(n for n in joined if n.startswith(results_table.TRAIN_CONFIG))
    return {
        **results_table.MODEL_COLUMNS,
        **{name: joined[name] for name in configs},
        **results_table.SCORE_COLUMNS,
    }


def _with_types(table, types):
    return table.reindex(columns=list(types)).astype(types)


def report(problems, most=20):
    """Prints what could not be read, to stderr."""
    for problem in problems[:most]:
        print(f"not read: {problem.where}: {problem.what}", file=sys.stderr)
    if len(problems) > most:
        print(f"... and {len(problems) - most} more", file=sys.stderr)
