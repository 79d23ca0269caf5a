# SPDX-License-Identifier: Apache-2.0
"""Modules that the library imports and that are gone or cannot be imported.

The stand-ins are found only in a process that has imported the library.
"""

import importlib.machinery
import importlib.util
import sys

# Module name -> the module of the plugin that stands in for it, or None for a parent
# package that only has to exist. A real module is always preferred.
MISSING = {
    # Gone from TensorFlow 2.0 on.
    "tensorflow.contrib": None,
    "tensorflow.contrib.framework": "rtc_plugin.compat.contrib_framework",
    "tensorflow.contrib.tpu": "rtc_plugin.training.estimator",
    # Gone from Python 3.12 on, where setuptools is not installed.
    "distutils": None,
    "distutils.dir_util": "rtc_plugin.compat.dir_util",
    # Gone from setuptools 82 on; disentanglement_lib and tensorflow_hub use it.
    "pkg_resources": "rtc_plugin.compat.pkg_resources",
}

# The library's metadata brings version 0.7 along, so it is there but fails to import.
BROKEN = {"tensorflow_probability": "rtc_plugin.compat.tensorflow_probability"}


class _StandInFinder:
    """Finds stand-ins under the names of the modules that they replace."""

    def __init__(self, stand_ins):
        self._stand_ins = stand_ins

    def find_spec(self, name, path=None, target=None):
        """Returns the spec of a stand-in, or None."""
        if name not in self._stand_ins:
            return None
        is_package = self._stand_ins[name] is None
        return importlib.machinery.ModuleSpec(name, self, is_package=is_package)

    def create_module(self, spec):
        """Leaves the creation of the module to Python."""
        return None

    def exec_module(self, module):
        """Fills the module with the names of the stand-in."""
        stand_in = self._stand_ins[module.__name__]
        if stand_in is not None:
            source = importlib.import_module(stand_in)
            names = {k: v for k, v in vars(source).items() if not k.startswith("__")}
            vars(module).update(names)


def provide():
    """Puts the stand-ins in place."""
    sys.meta_path.append(_StandInFinder(MISSING))
    if _has_broken_tensorflow_probability():
        sys.meta_path.insert(0, _StandInFinder(BROKEN))


def _has_broken_tensorflow_probability():
    from importlib import metadata

    try:
        version = metadata.version("tensorflow-probability")
    except metadata.PackageNotFoundError:
        return True
    return tuple(int(part) for part in version.split(".")[:2]) < (0, 8)
