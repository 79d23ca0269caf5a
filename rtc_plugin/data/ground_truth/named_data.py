# SPDX-License-Identifier: Apache-2.0
"""The data sets that the library's `dataset.name` finds here first."""

import functools
import importlib

from rtc_plugin import extensions

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
        "weighted": ("weighted", "weighted_data"),
    }.items()
}
