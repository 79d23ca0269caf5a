# SPDX-License-Identifier: Apache-2.0
"""One tidy table of results: a row per model x representation x metric x score.

It is made from the `evaluation.json` in the library's `results/aggregate` folders,
which say of each evaluation how the model was trained. Columns, in this order:

    origin            string   'own', 'rebuilt', 'zoo', 'published'
    study             string   its name
    model_num         Int64    its number in the study
    folder            string   the model's folder below the root, '' where there is none
    dataset           string   as gin has it
    model             string   beta_vae, factor_vae, dip_vae_i, dip_vae_ii, beta_tc_vae,
                               annealed_vae, rtc_vae, tc_vae, else gin's name
    strength_name     string   the parameter that sets the strength of regularisation
    strength          float64  its value
    eta               float64  weight of the variance penalty, for models that have it
    seed, training_steps, batch_size, num_latent           Int64
    train_config.*    the other bindings of training: Int64, float64, boolean or string
    representation    string   mean, sampled, mean_and_logvar; '' for 'training'
    metric            string   name of the evaluation; 'training' for the model's own
                               evaluation at the end of its training
    score             string   key of the result, 'signal_share/3' for an element
    value             float64

What is unknown is '' in the columns of strings that every table has, and missing
(`pandas.NA`, NaN) elsewhere.
"""

import ast
import contextlib
import math

import numpy as np
import pandas as pd

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.results import models as models_lib

MODEL_COLUMNS = {
    "origin": "string",
    "study": "string",
    "model_num": "Int64",
    "folder": "string",
    "dataset": "string",
    "model": "string",
    "strength_name": "string",
    "strength": "float64",
    "eta": "float64",
    "seed": "Int64",
    "training_steps": "Int64",
    "batch_size": "Int64",
    "num_latent": "Int64",
}
SCORE_COLUMNS = {
    "representation": "string",
    "metric": "string",
    "score": "string",
    "value": "float64",
}
# The bindings behind the columns of MODEL_COLUMNS.
BINDINGS = {
    "model_num": "model.model_num",
    "dataset": "dataset.name",
    "seed": "model.random_seed",
    "training_steps": "model.training_steps",
    "batch_size": "model.batch_size",
    "num_latent": "encoder.num_latent",
}
TRAIN_CONFIG = "train_config."
TRAINING = "training"
# Begins the name of a score that is a parameter of its metric.
SETTING = "setting/"
# Characters of gin source that may be a scalar.
MAX_LITERAL = 1000
# Settings of an evaluation that its scores cannot be judged without.
_SETTINGS = {"tc_nongaussian.num_permutations": "num_permutations"}
# They differ between two runs of the same thing.
_NOT_SCORES = {"uuid", "elapsed_time"}


def tidy_rows(record, origin="own", study="", model_num=None, folder=""):
    """Returns the scores of one evaluation.

    Args:
        record: Dictionary that `results/aggregate/evaluation.json` holds, or a row of
            the library's aggregated results: 'train_config.*', 'postprocess_config.*'
            and 'evaluation_config.*' with gin's source text, 'evaluation_results.*'.
        origin: Value of the column.
        study: Value of the column.
        model_num: Value of the column; `model.model_num` of the record if None.
        folder: Value of the column.

    Returns:
        List of dictionaries, one per number in the results, however long a list it is
        in. Strings, None and run times are left out. `num_permutations` is added where
        the evaluation's settings have it.
    """
    model = _describe_model(record, origin, study, model_num, folder)
    names = {"representation": representation(record), "metric": metric(record)}
    config = _section(record, "evaluation_config.")
    settings = {
        score: _parse(config[name])
        for name, score in _SETTINGS.items()
        if name in config
    }
    found = {**settings, **results(record)}
    return [
        {**model, **names, "score": score, "value": value}
        for score, value in _numbers(found)
    ]


def training_rows(record, origin="own", study="", model_num=None, folder=""):
    """Returns what the library measured at the end of training, as `tidy_rows` does.

    Each evaluation of a model repeats it, so it is to be taken from one of them.
    """
    model = _describe_model(record, origin, study, model_num, folder)
    names = {"representation": "", "metric": TRAINING}
    return [
        {**model, **names, "score": score, "value": value}
        for score, value in _numbers(_section(record, "train_results."))
    ]


def to_table(rows):
    """Turns rows into a table.

    Args:
        rows: List of dictionaries as `tidy_rows` gives them; may be empty.

    Returns:
        DataFrame with the columns of this module's docstring.
    """
    return _to_frame(rows, column_types(rows))


def column_types(rows):
    """Returns the columns that rows need.

    Args:
        rows: Iterable of dictionaries as `tidy_rows` gives them.

    Returns:
        Dictionary from names to pandas dtypes, in order.
    """
    kinds = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith(TRAIN_CONFIG):
                kinds.setdefault(name, set()).add(_kind(value))
    configs = {name: _common_dtype(kinds[name]) for name in sorted(kinds)}
    return {**MODEL_COLUMNS, **configs, **SCORE_COLUMNS}


def check_not_empty(table, output):
    """Raises a `UserError` that names an output if the table for it has no rows."""
    if len(table) == 0:
        raise UserError(
            f"{output}: the results table is empty; run models and `rtc study "
            "collect` first."
        )


def wide(table):
    """Puts the scores of a model side by side.

    Args:
        table: DataFrame as `to_table` gives it.

    Returns:
        DataFrame with a row per model, in order of appearance: the columns that say
        which model it is, then '<representation>/<metric>/<score>' for each score and
        'training/<score>'. Of a score that occurs twice, the last one is taken.
    """
    identity = [name for name in table.columns if name not in SCORE_COLUMNS]
    # Not groupby, which treats missing values differently from version to version.
    codes = np.stack([pd.factorize(table[name])[0] for name in identity], axis=1)
    _, first, model = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    parts = table[["representation", "metric", "score"]].astype(object)
    names = [
        "/".join(filter(None, row)) for row in parts.itertuples(index=False, name=None)
    ]
    scores = pd.DataFrame(
        {"model": model.reshape(-1), "name": names, "value": table["value"].to_numpy()}
    ).drop_duplicates(["model", "name"], keep="last")
    scores = scores.pivot(index="model", columns="name", values="value")
    models = table.iloc[first][identity].reset_index(drop=True)
    both = pd.concat([models, scores.rename_axis(index=None, columns=None)], axis=1)
    return both.iloc[np.argsort(first)].reset_index(drop=True)


def write(table, *paths):
    """Writes a table whole or not at all.

    Args:
        table: DataFrame as `to_table` gives it.
        *paths: Files that end in '.parquet' or '.csv'; older ones are replaced.

    Raises:
        UserError: If a name ends in something else.
    """
    with Writer({name: str(table[name].dtype) for name in table}, *paths) as writer:
        writer.add_table(table)


def read(path):
    """Reads a table back.

    Args:
        path: File that `write` or `Writer` has made.

    Returns:
        DataFrame as `to_table` gives it. From CSV the types of the columns
        `train_config.*` are read off their values.

    Raises:
        UserError: If there is no such file, or it is something else.
    """
    path = str(path)
    _check_suffix(path)
    try:
        read_file = _read_parquet if path.endswith(".parquet") else _read_csv
        table = read_file(path)
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there; `rtc study collect` writes it."
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is no results table ({_first_line(error)}); give one that "
            "`rtc study collect` has written."
        ) from error
    missing = [
        name for name in (*MODEL_COLUMNS, *SCORE_COLUMNS) if name not in table.columns
    ]
    if missing:
        raise UserError(
            f"{path} is no results table: it lacks the column {missing[0]}; give one "
            "that `rtc study collect` has written."
        )
    return table


class Writer:
    """Writes a table piece by piece, in the memory of a piece.

    A context manager: the files appear when all has gone well.

    Args:
        types: Columns as `column_types` gives them.
        *paths: Files that end in '.parquet' or '.csv'; older ones are replaced.

    Raises:
        UserError: If a name ends in something else.
    """

    def __init__(self, types, *paths):
        for path in paths:
            _check_suffix(str(path))
        self._types = types
        self._paths = [str(path) for path in paths]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._add = []
            for path in self._paths:
                partial = stack.enter_context(whole_file(path))
                is_parquet = path.endswith(".parquet")
                write_piece = _parquet_writer if is_parquet else _csv_writer
                self._add.append(stack.enter_context(write_piece(partial, self._types)))
            self.add_table(_to_frame([], self._types))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def add(self, rows):
        """Adds rows as `tidy_rows` gives them, whose columns are among `types`."""
        self.add_table(_to_frame(rows, self._types))

    def add_table(self, table):
        """Adds a table of these columns."""
        for add in self._add:
            add(table)


def _describe_model(record, origin, study, model_num, folder):
    config = {
        name: _parse(text) for name, text in _section(record, TRAIN_CONFIG).items()
    }
    model = models_lib.model_name(config)
    strength_name = models_lib.strength_name(model)
    found = {name: config.get(binding) for name, binding in BINDINGS.items()}
    found["dataset"] = str(found["dataset"] or "")
    if model_num is not None:
        found["model_num"] = model_num
    used = {*BINDINGS.values(), strength_name}
    return {
        "origin": origin,
        "study": study,
        "folder": str(folder),
        "model": model,
        "strength_name": strength_name,
        "strength": config.get(strength_name),
        "eta": models_lib.eta(model, config),
        **found,
        **{TRAIN_CONFIG + k: v for k, v in config.items() if k not in used},
    }


def results(record):
    """Returns the results that a record (`tidy_rows`) has, by name."""
    return _section(record, "evaluation_results.")


def representation(record):
    """Returns the name of the representation that a record (`tidy_rows`) is of."""
    config = _section(record, "postprocess_config.")
    name = _parse(config.get("postprocess.name"))
    if name:
        return str(name)
    function = models_lib.referenced(_parse(config.get("postprocess.postprocess_fn")))
    return function[: -len("_representation")] if "_repr" in function else function


def metric(record):
    """Returns the name of the evaluation that a record (`tidy_rows`) is of."""
    config = _section(record, "evaluation_config.")
    name = _parse(config.get("evaluation.name"))
    return str(
        name or models_lib.referenced(_parse(config.get("evaluation.evaluation_fn")))
    )


def _section(record, prefix):
    # A missing cell of an aggregated table is NaN.
    return {
        name[len(prefix) :]: value
        for name, value in record.items()
        if name.startswith(prefix)
        and not (isinstance(value, float) and math.isnan(value) and "_config" in prefix)
    }


def _parse(text):
    """Returns the value of gin source: a scalar, or text for everything else."""
    # No scalar is so long, and the parser's memory and stack are not to be tried.
    if not isinstance(text, str) or len(text) > MAX_LITERAL:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text  # A reference or a macro.
    return value if isinstance(value, (bool, int, float, str, type(None))) else text


def _numbers(results):
    """Yields (score, value) for each number, in the order of the results."""
    for name, value in results.items():
        if name not in _NOT_SCORES:
            yield from _flatten(name, value)


def _flatten(name, value):
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        yield name, float(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(f"{name}/{key}", item)
    elif isinstance(value, (list, tuple, np.ndarray)):
        for i, item in enumerate(value):
            yield from _flatten(f"{name}/{i}", item)


def _kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "Int64" if -(2**63) <= value < 2**63 else "float64"
    if isinstance(value, float):
        return "float64"
    return "" if value is None else "string"


def _common_dtype(kinds):
    kinds = set(kinds) - {""}
    if len(kinds) == 1:
        return kinds.pop()
    return "float64" if kinds == {"Int64", "float64"} else "string"


def _to_frame(rows, types):
    columns = {
        name: pd.Series([_cast(row.get(name), kind) for row in rows], dtype=kind)
        for name, kind in types.items()
    }
    return pd.DataFrame(columns)


def _cast(value, kind):
    if value is None:
        return math.nan if kind == "float64" else pd.NA
    return str(value) if kind == "string" else value


def _parse_column(column):
    """Gives a column of text the type of the table, or that of its values."""
    fixed = {**MODEL_COLUMNS, **SCORE_COLUMNS}.get(column.name)
    if fixed == "string":
        return column.astype("string")
    values = [_parse(text) if text != "" else None for text in column]
    kind = fixed or _common_dtype({_kind(value) for value in values})
    if kind == "string":
        values = [text if text != "" else None for text in column]
    return pd.Series([_cast(value, kind) for value in values], dtype=kind)


def _read_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    dtypes = {
        pa.string(): pd.StringDtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return pq.read_table(path).to_pandas(types_mapper=dtypes.get)


def _read_csv(path):
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return pd.DataFrame({name: _parse_column(table[name]) for name in table})


@contextlib.contextmanager
def _parquet_writer(path, types):
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = {
        "string": pa.string(),
        "Int64": pa.int64(),
        "float64": pa.float64(),
        "boolean": pa.bool_(),
    }
    schema = pa.schema([(name, arrow[kind]) for name, kind in types.items()])
    with pq.ParquetWriter(path, schema) as writer:

        def add(table):
            piece = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
            writer.write_table(piece.replace_schema_metadata(None))

        yield add


@contextlib.contextmanager
def _csv_writer(path, types):
    with open(path, "w", newline="", encoding="utf-8") as file:

        def add(table):
            table.to_csv(file, header=file.tell() == 0, index=False)

        yield add


def _check_suffix(path):
    if not path.endswith((".parquet", ".csv")):
        raise UserError(
            f"{path}: a results table is kept as .parquet or .csv; give such a name."
        )


def _first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error)
