# SPDX-License-Identifier: Apache-2.0
"""Records of evaluations as others have left them, read one by one into a table.

A record is hostile until shown otherwise: its length, depth and width are looked at
before anything is made of it, and its cells before they come near the table. Whatever
is wrong with one item ends that item, which is named with its reason; the rest is read.
"""

import collections
import contextlib
import json
import math
import os
import re
import stat
import sys
from typing import NamedTuple

from rtc_plugin.errors import UserError
from rtc_plugin.results import table as results_table

# An evaluation of the study has 10 kilobytes, 60 bindings and some hundred numbers.
MAX_JSON_BYTES = 16 << 20
MAX_BINDINGS = 500
MAX_NUMBERS = 20_000
MAX_DEPTH = 10
MAX_NAME = 500  # characters of a key
MAX_TEXT = 10_000  # characters of a binding
MAX_COLUMNS = 5_000  # of a whole table
MAX_FOLDERS = 50  # below one another
ROWS_AT_A_TIME = 20_000
_MAX_DIGITS = 400  # float64 ends at 309
_BINDINGS = ("train_config.", "postprocess_config.", "evaluation_config.")
# Halves of characters, which no encoding writes, and what moves a terminal's cursor or
# begins a row of a CSV file.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Problem(NamedTuple):
    """Something that could not be read, and why."""

    where: str
    what: str


@contextlib.contextmanager
def one_item(where, problems, place=""):
    """Has whatever goes wrong while an item is read end that item alone.

    Our own mistakes, too: an item that nobody has thought of must not take the others
    with it. The kind of error is part of the reason then.

    Args:
        where: What the item is called.
        problems: List that gets a `Problem` if it cannot be read.
        place: Which part of it is read; begins the reason.
    """
    try:
        yield
    except UserError as error:
        problems.append(Problem(where, f"{place} {error}".lstrip()))
    except Exception as error:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        problems.append(Problem(where, f"{place} cannot be read ({text}).".lstrip()))


def each(items, where, problems):
    """Yields what an iterator gives; what goes wrong in it is a problem of `where`."""
    items, end = iter(items), object()
    item = None
    while item is not end:
        item = end
        with one_item(where, problems):
            item = next(items, end)
        if item is not end:
            yield item


def report(problems, strict=False, most=20):
    """Prints to stderr what could not be read, one line each, and how many these are.

    Args:
        problems: List of `Problem`.
        strict: Whether that is an error.
        most: Lines at most.

    Raises:
        UserError: If strict and there are problems.
    """
    for problem in problems[:most]:
        line = f"not read: {problem.where}: {problem.what}"
        print(_printable(line), file=sys.stderr)
    if len(problems) > most:
        print(f"... and {len(problems) - most} more", file=sys.stderr)
    if problems:
        print(f"not read: {len(problems)} in all", file=sys.stderr)
    if problems and strict:
        raise UserError("--strict: what is not read is an error; all else was written.")


def _printable(text, most=500):
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:most])
    return shown + "..." * (len(text) > most)


def walk(root, problems):
    """Walks through folders as `os.walk`; what cannot be listed is a problem."""
    root = str(root)

    def name(error):
        what = f"cannot be listed ({error.strerror})."
        problems.append(Problem(str(error.filename), what))

    top = root.rstrip(os.sep).count(os.sep)
    for folder, inside, names in os.walk(root, onerror=name):
        if inside and folder.count(os.sep) - top >= MAX_FOLDERS:
            what = f"has folders more than {MAX_FOLDERS} deep; they are not looked at."
            problems.append(Problem(folder, what))
            inside.clear()
        yield folder, inside, names


class _Unusable:
    """Stands for a part of JSON that is not to be used, so that the rest can be."""

    def __init__(self, reason):
        self.reason = reason


def loads(content):
    """Parses JSON.

    Args:
        content: Bytes or text.

    Returns:
        What it holds. In the place of an object with a key twice and of a number beyond
        float64 there is something that `check` refuses.

    Raises:
        UserError: It is no JSON.
    """
    try:
        return json.loads(
            content,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
        )
    except RecursionError as error:
        raise UserError("is no JSON (nested too deeply).") from error
    except ValueError as error:
        raise UserError(f"is no JSON ({error}).") from error


def _object(pairs):
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = collections.Counter(name for name, _ in pairs)
    twice = counts.most_common(1)[0][0]
    return _Unusable(f"has the key {twice!r:.60} twice")


def _integer(text):
    # Python's own limit differs from version to version, and can be switched off.
    if len(text) > _MAX_DIGITS:
        return _Unusable(f"has a number of {len(text)} digits")
    return int(text)


def _float(text):
    value = float(text)
    return value if math.isfinite(value) else _Unusable(f"has the number {text:.20}")


def load_file(path):
    """Returns the object that a JSON file holds.

    Args:
        path: Path of the file.

    Raises:
        UserError: It cannot be read, has more than MAX_JSON_BYTES, or holds no object.
        FileNotFoundError, NotADirectoryError: There is no such file.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UserError("is not a plain file.")
        with open(path, "rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror}).") from error
    if len(content) > MAX_JSON_BYTES:
        raise UserError(f"has more than {MAX_JSON_BYTES} bytes.")
    return check_object(loads(content))


def check_object(loaded):
    """Returns a dictionary that JSON has held; a `UserError` if it is anything else."""
    if isinstance(loaded, _Unusable):
        raise UserError(f"{loaded.reason}.")
    if not isinstance(loaded, dict):
        raise UserError(f"holds a {type(loaded).__name__}, no record.")
    return loaded


def check(record):
    """Refuses a record that no evaluation has written.

    Args:
        record: Dictionary as `loads` gives it.

    Raises:
        UserError: A name, a binding or the whole is too long or too deep, a binding is
            not a scalar, or it has what `loads` has marked.
    """
    num_bindings, num_numbers = 0, 0
    for name, value in check_object(record).items():
        _check_text(name, name, MAX_NAME)
        if name.startswith(_BINDINGS):
            num_bindings += 1
            _check_binding(name, value)
        else:
            num_numbers += _count(name, value)
    if num_bindings > MAX_BINDINGS or num_numbers > MAX_NUMBERS:
        raise UserError(
            f"has {num_bindings} bindings and {num_numbers} results; no evaluation has "
            f"more than {MAX_BINDINGS} and {MAX_NUMBERS}."
        )


def _check_binding(name, value):
    if isinstance(value, _Unusable):
        raise UserError(f"{name} {value.reason}.")
    if not isinstance(value, (str, bool, int, float, type(None))):
        raise UserError(f"{name} is a {type(value).__name__}, no binding.")
    if isinstance(value, int) and not _is_finite(value):
        raise UserError(f"{name} has a number too large for float64.")
    if isinstance(value, str):
        _check_text(name, value, MAX_TEXT)


def _check_text(name, text, most):
    if len(text) > most:
        raise UserError(f"{name:.60} has {len(text)} characters; {most} are too many.")
    found = None if text.isprintable() else _UNWRITABLE.search(text)
    if found:
        raise UserError(f"{name!r:.60} has the character {found[0]!a}.")


def _count(name, value):
    """Returns how many numbers and texts a result is made of."""
    waiting, count = [(value, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, _Unusable):
            raise UserError(f"{name} {value.reason}.")
        if not isinstance(value, (dict, list)):
            count += 1
            if isinstance(value, int) and not _is_finite(value):
                raise UserError(f"{name} has a number too large for float64.")
            continue
        if depth > MAX_DEPTH:
            raise UserError(f"{name} is nested more than {MAX_DEPTH} deep.")
        if len(value) + len(waiting) + count > MAX_NUMBERS:
            raise UserError(f"{name} has more than {MAX_NUMBERS} numbers.")
        if isinstance(value, dict):
            for key in value:
                _check_text(f"{name}/{key}", key, MAX_NAME)
            value = value.values()
        waiting += ((item, depth + 1) for item in value)
    return count


def scores(record, **common):
    """Returns the rows of a record that has been checked, which the table can hold.

    Args:
        record: Dictionary that `check` has let pass.
        **common: Columns as `results_table.tidy_rows` takes them.

    Raises:
        UserError: A cell is not of its column's type, or cannot be written.
    """
    return _checked(results_table.tidy_rows(record, **common))


def training(record, **common):
    """Returns the rows of the training, as `scores` does those of the evaluation."""
    return _checked(results_table.training_rows(record, **common))


def _checked(rows):
    # All rows say the same of the model.
    for row in rows[:1]:
        for name, value in row.items():
            if name not in ("score", "value") and value is not None:
                _check_cell(name, value)
    for row in rows:
        _check_text(row["score"], row["score"], MAX_NAME * (MAX_DEPTH + 1))
    return rows


def _check_cell(name, value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    kind = results_table.MODEL_COLUMNS.get(name)
    if kind == "Int64":
        is_right = is_number and isinstance(value, int) and -(2**63) <= value < 2**63
    elif kind == "float64":
        is_right = is_number and _is_finite(value)
    else:
        is_right = not is_number or _is_finite(value)
    if not is_right:
        raise UserError(f"has {value!r:.40} as {name}, no such number.")
    if isinstance(value, str):
        _check_text(name, value, MAX_TEXT)


def _is_finite(number):
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


class Pieces:
    """Rows on their way to a table whose columns are known when all have been seen.

    They wait in Parquet files, so that many take no more memory than few.

    Args:
        prefix: What the files' paths start with.

    Attributes:
        paths: Files written so far.
        types: The columns that all rows so far need.
        num_rows: Their number.
    """

    def __init__(self, prefix):
        self.paths, self.types, self.num_rows = [], {}, 0
        self._prefix = prefix
        self._waiting = []

    def add(self, rows):
        """Adds the rows of one record, which have the same bindings.

        Raises:
            UserError: The table would get too many columns; nothing is added.
        """
        types = join_types(self.types, results_table.column_types(rows[:1]))
        if len(types) > MAX_COLUMNS:
            raise UserError(f"its bindings make more than {MAX_COLUMNS} columns.")
        self.types = types
        self._waiting += rows
        self.num_rows += len(rows)

    def save(self, at_least=1):
        """Writes the rows that wait, if there are so many."""
        if len(self._waiting) < at_least:
            return
        path = f"{self._prefix}-{len(self.paths)}.parquet"
        with results_table.Writer(self.types, path) as writer:
            writer.add(self._waiting)
        self.paths.append(path)
        self._waiting = []


def join_types(first, second):
    """Returns the columns of both; where their types differ, one that holds both."""
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


def write(types, pieces, paths):
    """Writes the table of pieces, and removes these.

    Args:
        types: Its columns.
        pieces: Files that `Pieces` has written.
        paths: Files to write, see `results_table.Writer`.
    """
    with results_table.Writer(types, *paths) as writer:
        for piece in pieces:
            table = results_table.read(piece)
            writer.add_table(table.reindex(columns=list(types)).astype(types))
            os.remove(piece)
