# SPDX-License-Identifier: Apache-2.0
"""The data sets that the library's `dataset.name` finds here first."""

import functools
import importlib
import os

from rtc_plugin import extensions
from rtc_plugin.errors import UserError

_PACKAGE = "rtc_plugin.data.ground_truth."


def _open(module, name, *args):
    # Imported when asked for: some need TensorFlow, h5py or SciPy, the twins do not.
    return getattr(importlib.import_module(_PACKAGE + module), name)(*args)


def _open_extension(entry):
    return extensions.load(entry)()


# Name -> function without arguments that opens the data set. Ours come first.
GROUND_TRUTH_DATA = {
    name: functools.partial(_open_extension, entry)
    for name, entry in extensions.find(extensions.DATA).items()
}
GROUND_TRUTH_DATA |= {
    name: functools.partial(_open, *where)
    for name, where in {
        "shapes3d_rendered": ("shapes3d_rendered", "Shapes3DRendered"),
        "dsprites_rendered": ("dsprites_rendered", "DSpritesRendered"),
        "shapes3d": ("shapes3d", "Shapes3D"),
        "dsprites_full": ("dsprites", "DSprites", [1, 2, 3, 4, 5]),
        "dsprites_noshape": ("dsprites", "DSprites", [2, 3, 4, 5], "dsprites_noshape"),
        "color_dsprites": ("dsprites_variants", "ColorDSprites"),
        "noisy_dsprites": ("dsprites_variants", "NoisyDSprites"),
        "scream_dsprites": ("dsprites_variants", "ScreamDSprites"),
        "cars3d": ("cars3d", "Cars3D"),
        "smallnorb": ("norb", "SmallNORB"),
        "mpi3d_toy": ("mpi3d", "MPI3D", "mpi3d_toy"),
        "mpi3d_realistic": ("mpi3d", "MPI3D", "mpi3d_realistic"),
        "mpi3d_real": ("mpi3d", "MPI3D", "mpi3d_real"),
        "mpi3d_complex": ("mpi3d", "MPI3D", "mpi3d_complex"),
        "falcor3d": ("nvidia3d", "Falcor3D"),
        "isaac3d": ("nvidia3d", "Isaac3D"),
        "file_data": ("configured", "file_data"),
        "weighted": ("configured", "weighted_data"),
    }.items()
}


def open_data(name, size=None):
    """Opens a data set.

    Args:
      name: A key of `GROUND_TRUTH_DATA`, or the path of a file or folder; see
        `own_files.read`.
      size: Height and width to scale the pictures of a file or folder to, or None.

    Raises:
      UserError: If there is no such data set, or its files are not what they should be.
    """
    check_name(name)
    if name in GROUND_TRUTH_DATA:
        return GROUND_TRUTH_DATA[name]()
    return _open("own_data", "open_own", name, size)


def check_name(name, flag="dataset.name = "):
    """Raises a `UserError` unless a name is a data set's or the path of one.

    Args:
      name: The name.
      flag: What it is given by, for the message.
    """
    if name not in GROUND_TRUTH_DATA and not os.path.exists(name):
        known = ", ".join(sorted({*GROUND_TRUTH_DATA, "dummy_data"}))
        raise UserError(
            f"{flag}{name!r} is not a known data set; known are: {known}, and paths of "
            "files and folders of one's own."
        )
