# SPDX-License-Identifier: Apache-2.0
"""Stands in for `pkg_resources` (gone from setuptools 82 on).

Only what disentanglement_lib 1.5 and tensorflow_hub 0.15 use of it.
"""

import importlib.util
import os

from packaging.version import parse as parse_version

__all__ = ["parse_version", "resource_filename", "resource_isdir", "resource_listdir"]


def resource_filename(package, path):
    """Returns the path of a file or folder inside an installed package."""
    origin = importlib.util.find_spec(package).origin
    return os.path.join(os.path.dirname(origin), path)


def resource_isdir(package, path):
    """Tells whether a path inside an installed package is a folder."""
    return os.path.isdir(resource_filename(package, path))


def resource_listdir(package, path):
    """Lists a folder inside an installed package."""
    return os.listdir(resource_filename(package, path))
