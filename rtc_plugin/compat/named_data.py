# SPDX-License-Identifier: Apache-2.0
"""The library's table of data sets, which is a chain of `elif`."""

import inspect
import types

from rtc_plugin.errors import UserError


def know_plugin_data(named_data):
    """Has `dataset.name` look among the plugin's data sets before the library's own.

    gin has registered the library's function by now, and callers hold gin's wrapper of
    it. What is replaced is therefore the code of the function itself.
    """
    from rtc_plugin.data.ground_truth.named_data import GROUND_TRUTH_DATA

    stock = inspect.unwrap(named_data.get_named_ground_truth_data)
    by_library = types.FunctionType(stock.__code__, stock.__globals__)

    def get_by_name(name):
        if name in GROUND_TRUTH_DATA:
            return GROUND_TRUTH_DATA[name]()
        try:
            return by_library(name)
        except ValueError as error:
            if str(error) != "Invalid data set name.":
                raise
            known = ", ".join(sorted({*GROUND_TRUTH_DATA, "dummy_data"}))
            raise UserError(
                f"dataset.name = {name!r} is not a known data set; known are: {known}."
            ) from error

    stock.__globals__["_get_by_name"] = get_by_name
    stock.__code__ = _call_get_by_name.__code__


def _call_get_by_name(name):
    return _get_by_name(name)  # noqa: F821  (a global of the library's module)
