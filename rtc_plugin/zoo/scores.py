# SPDX-License-Identifier: Apache-2.0
"""The scores that models carry with them, gathered into one tidy table.

Read are zips, folders, and the JSON of `dlib_aggregate_results`. From a zip nothing is
unpacked but the results, and of those only JSON is read; a hundred thousand models need
no more memory than a hundred. See `rtc_plugin.results.table` for the columns.
To them come rows `setting/<parameter>`: with which parameters a metric was computed,
where these are numbers, because scores of different sample sizes, bins or forms do not
compare.
"""

import concurrent.futures
import contextlib
import math
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import tqdm
from joblib import cpu_count

from rtc_plugin.errors import UserError
from rtc_plugin.results import collect as collect_lib
from rtc_plugin.results import records
from rtc_plugin.results import table as results_table
from rtc_plugin.results.records import Problem, report  # noqa: F401, for evaluate
from rtc_plugin.zoo import archive, numbers

_MODELS_AT_A_TIME = 50
_AGGREGATE = re.compile(
    r"(?:(?P<folder>.*)/)?metrics/(?P<representation>[^/]+)/(?P<metric>[^/]+)/results/aggregate/"
    r"evaluation\.json"
)
_WHOLE = re.compile("-?[0-9]{1,18}")
_PIECE = re.compile(
    r"metrics/(?P<representation>[^/]+)/(?P<metric>[^/]+)/results/json/"
    r"(?P<piece>\w+)\.json"
)


def find_sources(paths, problems):
    """Lists what there is to read.

    Args:
        paths: Zips, folders (of zips, of models, or one model's) and JSON files.
        problems: List that gets a `Problem` for each folder that cannot be listed.

    Returns:
        Sorted list of paths of zips, models' folders and JSON files.

    Raises:
        UserError: A path does not exist, or nothing is found in it.
    """
    found = []
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(_sources_in_folder(path, problems))
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


def _sources_in_folder(path, problems):
    for folder, inside, names in records.walk(path, problems):
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
            itself, as the folders of `rtc study` and `rtc zoo rebuild` do.
        workers: Processes; all usable cores by default.

    Returns:
        Number of models, number of rows, list of `Problem`.

    Raises:
        UserError: As `find_sources`; also if nothing can be read.
    """
    problems, models, num_rows, types, written = [], 0, 0, {}, []
    sources = find_sources(paths, problems)
    batches = [
        sources[i : i + _MODELS_AT_A_TIME]
        for i in range(0, len(sources), _MODELS_AT_A_TIME)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for result in _map(batches, folder, origin, workers):
            models += result.num_models
            num_rows += result.num_rows
            problems += result.problems
            types = records.join_types(types, result.types)
            written += result.paths
        # What concerns a whole folder is said once.
        problems = list(dict.fromkeys(problems))
        if not num_rows:
            first = f" ({problems[0].where}: {problems[0].what})" if problems else ""
            raise UserError(f"{paths[0]} holds no scores{first}.")
        records.write(types, written, output_paths)
    return models, num_rows, problems


def read(paths, origin="zoo", workers=1):
    """Returns the table of all scores found, and the list of `Problem`.

    Args and errors are those of `collect`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scores.parquet")
        *_, problems = collect(paths, [path], origin, workers)
        return results_table.read(path), problems


class _Batch(NamedTuple):
    num_models: int
    num_rows: int
    problems: list
    types: dict
    paths: list


def _map(batches, folder, origin, workers):
    arguments = [
        (batch, os.path.join(folder, str(i)), origin) for i, batch in enumerate(batches)
    ]
    workers = min(workers or cpu_count(), len(batches))
    total = sum(map(len, batches))
    with tqdm.tqdm(total=total, desc="reading", unit="model", disable=None) as bar:
        with contextlib.ExitStack() as stack:
            if workers > 1:
                pool = concurrent.futures.ProcessPoolExecutor(workers)
                results = stack.enter_context(pool).map(_read_batch, *zip(*arguments))
            else:
                results = (_read_batch(*argument) for argument in arguments)
            for batch, result in zip(batches, results):
                bar.update(len(batch))
                yield result


def _read_batch(sources, prefix, origin):
    problems, models, pieces = [], set(), records.Pieces(prefix)
    for source in sources:
        found = read_records(source, origin, problems)
        for where, model, rows in records.each(found, source, problems):
            with records.one_item(where, problems):
                pieces.add(rows)
                models.add((source, model))
            pieces.save(records.ROWS_AT_A_TIME)
    pieces.save()
    return _Batch(len(models), pieces.num_rows, problems, pieces.types, pieces.paths)


def read_records(source, origin, problems):
    """Reads the scores in one source.

    Args:
        source: Path of a zip, a model's folder, or a JSON file.
        origin: Value of the table's column.
        problems: List that gets a `Problem` for each record that cannot be read.

    Yields:
        Where a record lies, which of the source's models it is of, and its rows as
        `results_table.tidy_rows`.

    Raises:
        UserError: The source cannot be read at all.
    """
    if os.path.isfile(source) and source.endswith(".json"):
        yield from _read_aggregated(source, origin, problems)
        return
    origin = _recorded_origin(source, problems) or origin
    with archive.open_archive(source) as opened:
        models = archive.find_models(opened)
        if not models:
            raise UserError("no model in it; expected such as 0/metrics/mean/mig/...")
        for model in models:
            yield from _read_model(opened, model, origin, problems)


def _recorded_origin(source, problems):
    """Returns what the study's folder around a model says, None if there is none."""
    parent = os.path.dirname(os.path.abspath(source))
    settings = collect_lib.recorded_settings(parent, problems)
    return (settings or {}).get("origin")


def _read_model(opened, model, origin, problems):
    where = os.path.join(str(opened.path), model.root).rstrip("/")
    evaluations = _evaluations(model.names)
    if not evaluations:
        problems.append(Problem(where, "has no evaluation."))
    has_training = False
    for names, files in evaluations.items():
        rows = []
        with records.one_item(where, problems, "/".join(names)):
            record = _load_record(opened, model.root, files)
            common = _check(record, names, where)
            common.update(origin=origin, folder=_plain(where))
            rows = records.scores(with_settings(record), **common)
            if not has_training:
                rows += records.training(record, **common)
        if rows:
            has_training = True
            yield where, model.root, rows


def _plain(path):
    """Returns a path as text that every file can hold."""
    return os.fsencode(path).decode("utf-8", "replace")


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
        content = archive.read(opened, root + name, records.MAX_JSON_BYTES)
        loaded = records.check_object(records.loads(content))
        piece = _PIECE.fullmatch(name)
        prefix = piece["piece"] + "." if piece else ""
        record.update((prefix + key, value) for key, value in loaded.items())
    return record


def _check(record, names, where):
    """Refuses what is no evaluation, and adds what older files are known to lack.

    Args:
        record: Dictionary.
        names: Representation and metric, as the folders say.
        where: Path of the model.

    Returns:
        Columns study and model_num.

    Raises:
        UserError: As `records.check`, or it lacks a section.
    """
    records.check(record)
    for section in ("train_config.", "evaluation_results."):
        if not any(key.startswith(section) for key in record):
            raise UserError(f"has no {section}*.")
    # The folders say it, too, as dlib_reproduce lays them out.
    representation, metric = names
    record.setdefault("postprocess_config.postprocess.name", f"'{representation}'")
    record.setdefault("evaluation_config.evaluation.name", f"'{metric}'")
    number, study = _identify(record, where)
    return {"study": study, "model_num": number}


def _identify(record, where):
    """Returns a model's number and its study, as far as they can be told."""
    name = "train_config.model.model_num"
    number = record.get(name)
    if number is None or number != number:  # noqa: PLR0124, NaN
        stem = Path(where).stem
        if not _WHOLE.fullmatch(stem):
            return None, ""
        # The name counts only where what it stands for is what was trained.
        study = _study(int(stem), record)
        return (int(stem), study) if study else (None, "")
    # Beside missing ones, whole numbers become floats.
    text = str(number).strip("'\"").removesuffix(".0")
    if not _WHOLE.fullmatch(text):
        raise UserError(f"has {number!r:.40} as {name}, no number of a model.")
    return int(text), _study(int(text), record)


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

    Raises:
        UserError: A parameter is beyond all numbers.
    """
    settings = {}
    for key, text in record.items():
        if key.startswith("evaluation_config.") and not key.endswith("random_seed"):
            value = {"True": 1.0, "False": 0.0}.get(text)
            with contextlib.suppress(TypeError, ValueError):
                value = float(text) if value is None else value
            # A missing cell of an aggregated table is NaN.
            if value is None or math.isnan(value):
                continue
            if math.isinf(value):
                raise UserError(f"has {text!r:.40} as {key}, no such number.")
            name = results_table.SETTING + key[len("evaluation_config.") :]
            settings[f"evaluation_results.{name}"] = value
    return {**record, **settings}


def _read_aggregated(path, origin, problems):
    """Reads columns, as `dlib_aggregate_results` writes them, or a list of records."""
    content = _load_aggregated(path)
    paths, trained = set(), set()
    for i, cells in enumerate(content):
        where, rows = f"{path}[{i}]", []
        with records.one_item(where, problems):
            # What other methods have and this one does not is a null.
            cells = records.check_object(cells).items()
            record = {name: value for name, value in cells if value is not None}
            recorded = str(record.get("path", ""))
            if recorded and recorded in paths:
                raise UserError(f"has the path of an earlier record, {recorded:.200}.")
            paths.add(recorded)
            place = _AGGREGATE.fullmatch(recorded)
            names = (place["representation"], place["metric"]) if place else ("", "")
            common = _check(record, names, where)
            folder = (place["folder"] or "") if place else recorded
            common.update(origin=origin, folder=folder)
            rows = records.scores(with_settings(record), **common)
            model = str(record.get("train_results.uuid", folder))
            if model not in trained:
                rows += records.training(record, **common)
        if rows:
            trained.add(model)
            yield where, model, rows


def _load_aggregated(path):
    with open(path, "rb") as file:
        content = records.loads(file.read())
    if isinstance(content, list):
        return content
    columns = records.check_object(content)
    if not all(isinstance(column, dict) for column in columns.values()):
        raise UserError(
            "holds neither columns, as dlib_aggregate_results writes them, nor a list "
            "of records."
        )
    indices = dict.fromkeys(i for column in columns.values() for i in column)
    return (
        {name: column.get(index) for name, column in columns.items()}
        for index in indices
    )
