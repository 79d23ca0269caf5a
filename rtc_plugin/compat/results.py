# SPDX-License-Identifier: Apache-2.0
"""The library's result files: writing, reading and gathering them."""

import os
import shutil
import types

import numpy as np
import pandas as pd
import simplejson

from rtc_plugin.errors import UserError
from rtc_plugin.runs import parse_bindings

_NAN = (
    "came out as NaN, as it does for constant or copied latents and for samples that "
    "are too small"
)


def copy_with_shutil(results):
    """Replaces distutils' `copy_tree`, whose cache breaks on deleted folders."""

    def copy_recursively(path_to_old_dir, path_to_new_dir):
        shutil.copytree(path_to_old_dir, path_to_new_dir, dirs_exist_ok=True)

    results._copy_recursively = copy_recursively


def encode_every_numpy_scalar(results):
    """Writes NumPy values without `np.float_` (gone from NumPy 2), booleans included.

    The library's encoder also turned arrays to lists and then refused them.
    """

    class Encoder(results.json.JSONEncoder):
        """JSON encoder that knows NumPy's scalars and arrays."""

        def default(self, obj):
            if isinstance(obj, (np.generic, np.ndarray)):
                return obj.tolist()
            return super().default(obj)

    results.Encoder = Encoder


def read_nan(module):
    """Reads NaN as it used to be done (simplejson >= 3.19), and writes null instead.

    Newer versions refuse it, and one undefined score would throw away the whole
    evaluation after all the work.
    """

    def dump(obj, fp, **kwargs):
        return simplejson.dump(give_reasons(obj), fp, allow_nan=True, **kwargs)

    def load(fp, **kwargs):
        return simplejson.load(fp, parse_constant=float, **kwargs)

    module.json = types.SimpleNamespace(
        JSONEncoder=simplejson.JSONEncoder, dump=dump, load=load
    )


def give_reasons(results):
    """Returns results of a step with None and a reason in the place of NaN.

    Args:
        results: Dictionary of a step's results, marked by its `uuid`; anything else is
            returned as it is.

    Examples:
        >>> found = give_reasons({"uuid": "u", "mig": float("nan"), "sap": 0.5})
        >>> found["mig"], found["sap"], found["not_computed"]
        (None, 0.5, ['mig'])
    """
    if not isinstance(results, dict) or "uuid" not in results:
        return results
    clean = {name: _without_nan(value) for name, value in results.items()}
    undefined = [
        name for name, (_, has_nan) in clean.items() if has_nan and name != "reasons"
    ]
    clean = {name: value for name, (value, _) in clean.items()}
    if undefined:
        clean["not_computed"] = [*clean.get("not_computed", []), *undefined]
        clean["reasons"] = {
            **dict.fromkeys(undefined, _NAN),
            **clean.get("reasons", {}),
        }
    return clean


def _without_nan(value):
    """Returns a value with None for NaN at any depth, and whether there was any."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float) and value != value:
        return None, True
    if isinstance(value, (list, tuple)):
        pairs = [_without_nan(item) for item in value]
        return [item for item, _ in pairs], any(has_nan for _, has_nan in pairs)
    if isinstance(value, dict):
        pairs = {key: _without_nan(item) for key, item in value.items()}
        return (
            {key: item for key, (item, _) in pairs.items()},
            any(has_nan for _, has_nan in pairs.values()),
        )
    return value, False


def read_wrapped_gin_values(results):
    """Has `gin_dict` keep values that gin wraps over lines or that contain " = "."""

    def gin_dict(config_path=None):
        if config_path is None:
            config = results.gin.operative_config_str()
        else:
            with results.tf.gfile.GFile(config_path, "r") as f:
                config = f.read()
        return parse_bindings(config)

    gin_dict.__doc__ = results.gin_dict.__doc__
    results.gin_dict = gin_dict


def find_reproduced_results(aggregate_results):
    """Has `dlib_aggregate_results` find what `dlib_reproduce` writes.

    The default pattern expects `output/<model>/metrics`; the files lie in
    `output/<study>/<model>/metrics`. A pattern that finds nothing is an error.
    """

    def get(pattern):
        files = _glob(aggregate_results, pattern)
        if not files:
            raise UserError(
                f"--result_file_pattern={pattern} matches no file; give the pattern of "
                "the evaluation.json files below your results folder."
            )
        return pd.DataFrame([aggregate_results._load(path) for path in files])

    aggregate_results._get = get


def _glob(aggregate_results, pattern):
    files = aggregate_results.gfile.Glob(pattern)
    first, _, rest = pattern.partition("*" + os.sep)
    if not files and rest:
        files = aggregate_results.gfile.Glob(os.path.join(first, "*", "*", rest))
    return sorted(files)
