# SPDX-License-Identifier: Apache-2.0
"""Modules that the library imports and that are gone or cannot be imported.

The stand-ins are found only in a process that has imported the library.
"""

import importlib.machinery
import importlib.util
import sys

_STACK = "rtc_plugin.compat.stack"

# Module name -> the module of the plugin that holds its stand-ins, and their names. A
# parent package only has to exist. A real module is always preferred.
MISSING = {
    # Gone from TensorFlow 2.0 on.
    "tensorflow.contrib": None,
    "tensorflow.contrib.framework": (_STACK, ["assign_from_checkpoint_fn"]),
    "tensorflow.contrib.tpu": (
        "rtc_plugin.training.estimator",
        ["RunConfig", "TPUConfig", "TPUEstimator", "TPUEstimatorSpec"],
    ),
    # Gone from Python 3.12 on, where setuptools is not installed.
    "distutils": None,
    "distutils.dir_util": (_STACK, ["copy_tree"]),
    # Gone from setuptools 82 on; disentanglement_lib and tensorflow_hub use it.
    "pkg_resources": (
        _STACK,
        ["parse_version", "resource_filename", "resource_isdir", "resource_listdir"],
    ),
}

# The library's metadata brings version 0.7 along, so it is there but fails to import.
BROKEN = {"tensorflow_probability": (_STACK, ["distributions"])}


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
        """Fills the module with its stand-ins."""
        if self._stand_ins[module.__name__] is None:
            return
        source, names = self._stand_ins[module.__name__]
        source = importlib.import_module(source)
        vars(module).update((name, getattr(source, name)) for name in names)


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
