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
    """Writes and reads NaN as it used to be done (simplejson >= 3.19).

    Newer versions refuse it, and one undefined score would throw away the whole
    evaluation after all the work.
    """

    def dump(obj, fp, **kwargs):
        return simplejson.dump(obj, fp, allow_nan=True, **kwargs)

    def load(fp, **kwargs):
        return simplejson.load(fp, parse_constant=float, **kwargs)

    module.json = types.SimpleNamespace(
        JSONEncoder=simplejson.JSONEncoder, dump=dump, load=load
    )


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
