# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings of the array floors run, and every measure has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from rtc_plugin import measures, total_correlation

MODULES = [
    name
    for package in (measures, total_correlation)
    for _, name, _ in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    if not name.endswith(".tf_minibatch")  # It needs TensorFlow.
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_measure_has_an_example():
    public = [getattr(measures, name) for name in measures.__all__]
    functions = [item for item in public if inspect.isfunction(item)]
    without = [f.__name__ for f in functions if ">>>" not in f.__doc__]
    assert functions and not without
