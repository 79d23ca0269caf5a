# SPDX-License-Identifier: Apache-2.0
"""The data sets that the library's `dataset.name` finds here first."""

import functools
import importlib
import os

from rtc_plugin import extensions
from rtc_plugin.errors import UserError

_PACKAGE = "rtc_plugin.data.ground_truth."


# Name -> module and class, or function. Imported when asked for: some need TensorFlow,
# h5py or SciPy, the twins do not.
NAMES = {
    "shapes3d_rendered": "shapes3d_rendered.Shapes3DRendered",
    "dsprites_rendered": "dsprites_rendered.DSpritesRendered",
    "shapes3d": "shapes3d.Shapes3D",
    "dsprites_full": "dsprites.DSprites",
    "dsprites_noshape": "dsprites.DSpritesNoShape",
    "color_dsprites": "dsprites_variants.ColorDSprites",
    "noisy_dsprites": "dsprites_variants.NoisyDSprites",
    "scream_dsprites": "dsprites_variants.ScreamDSprites",
    "cars3d": "cars3d.Cars3D",
    "smallnorb": "norb.SmallNORB",
    "mpi3d_toy": "mpi3d.MPI3DToy",
    "mpi3d_realistic": "mpi3d.MPI3DRealistic",
    "mpi3d_real": "mpi3d.MPI3DReal",
    "mpi3d_complex": "mpi3d.MPI3DComplex",
    "falcor3d": "nvidia3d.Falcor3D",
    "isaac3d": "nvidia3d.Isaac3D",
}
# Where those say it of themselves without TensorFlow that need it to be opened.
_DESCRIBED = {
    "color_dsprites": "dsprites.ToColour",
    "noisy_dsprites": "dsprites.ToNoise",
    "scream_dsprites": "dsprites.ToScream",
}
_CONFIGURED = {
    "file_data": "configured.file_data",
    "weighted": "configured.weighted_data",
}


def _import(where):
    module, _, name = where.partition(".")
    return getattr(importlib.import_module(_PACKAGE + module), name)


def _open(where, *args):
    return _import(where)(*args)


def _open_extension(entry):
    return extensions.load(entry)()


# Name -> function without arguments that opens the data set. Ours come first.
GROUND_TRUTH_DATA = {
    name: functools.partial(_open_extension, entry)
    for name, entry in extensions.find(extensions.DATA).items()
}
GROUND_TRUTH_DATA |= {
    name: functools.partial(_open, where)
    for name, where in {**NAMES, **_CONFIGURED}.items()
}


def describe(name):
    """Returns a data set that is not opened: it has sizes, names and files, no images.

    Args:
      name: A key of `NAMES`.
    """
    kind = _import(_DESCRIBED.get(name, NAMES[name]))
    return kind.__new__(kind)


def files_of(name):
    """Returns the `PublicFile`s of a data set, () if it needs none or is not known."""
    return getattr(describe(name), "public_files", ()) if name in NAMES else ()


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
    return _open("own_data.open_own", name, size)


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
