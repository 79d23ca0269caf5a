# SPDX-License-Identifier: Apache-2.0
"""The public files: where they are published and where they are looked for.

They lie where the library looks for them: under the folder that the environment
variable DISENTANGLEMENT_LIB_DATA names, the working folder if it names none.
"""

import dataclasses
import os
from typing import Optional

from rtc_plugin.errors import UserError


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """A file that the public can download.

    Attributes:
      path: Where it belongs, below the data folder. For an archive: the folder that
        is to hold its members.
      url: Where it is published.
      size: Size of the download in bytes, if published.
      digest: "sha256:...", "md5:..." or "git:..." (the name that git gives the
        content) of the download, if published.
      unpack: None, "gzip", "tar:PREFIX" for the members below PREFIX, or "by hand" for
        what is published where no program may fetch it.
      unpacked_limit: Bytes that unpacking may yield at most, for each member.
    """

    path: str
    url: str
    size: Optional[int] = None
    digest: Optional[str] = None
    unpack: Optional[str] = None
    unpacked_limit: Optional[int] = None


SHAPES3D = PublicFile(
    path="3dshapes/3dshapes.h5",
    url="https://storage.googleapis.com/3d-shapes/3dshapes.h5",
    size=267573662,
    digest="sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
)
# Never published, but what the library reads.
SHAPES3D_NPZ_PATH = (
    "3dshapes/look-at-object-room_floor-hueXwall-hueXobj-hueXobj-sizeXobj-shapeX"
    "view-azi.npz"
)

DSPRITES = PublicFile(
    path="dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
    url="https://github.com/deepmind/dsprites-dataset/raw/master/"
    "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
    digest="git:d98996d3f8ee1550e06b9d4ed78d0beb478910d5",
)

SCREAM = PublicFile(
    path="scream/scream.jpg",
    url="https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg",
)

CARS3D = PublicFile(
    path="cars",
    url="http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    digest="md5:4e866a7919c1beedf53964e6f7a23686",
    unpack="tar:data/cars",
    unpacked_limit=64 << 20,
)


def _smallnorb(name, size, sha256, unpacked):
    return PublicFile(
        path=f"small_norb/{name}.mat",
        url=f"https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/{name}.mat.gz",
        size=size,
        digest=f"sha256:{sha256}",
        unpack="gzip",
        unpacked_limit=unpacked,
    )


_TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training-"
_TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing-"
_DAT, _CAT, _INFO = 447897624, 97220, 388820  # header and 24300 records

SMALLNORB = (
    _smallnorb(
        _TRAINING + "dat",
        131896188,
        "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
        _DAT,
    ),
    _smallnorb(
        _TRAINING + "cat",
        348,
        "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
        _CAT,
    ),
    _smallnorb(
        _TRAINING + "info",
        71052,
        "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
        _INFO,
    ),
    _smallnorb(
        _TESTING + "dat",
        130799817,
        "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
        _DAT,
    ),
    _smallnorb(
        _TESTING + "cat",
        347,
        "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
        _CAT,
    ),
    _smallnorb(
        _TESTING + "info",
        10428,
        "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
        _INFO,
    ),
)

_MPI3D_BUCKET = "https://storage.googleapis.com/mpi3d_disentanglement_dataset/data/"
MPI3D_TOY = PublicFile(
    path="mpi3d_toy/mpi3d_toy.npz",
    url=_MPI3D_BUCKET + "mpi3d_toy.npz",
    digest="md5:55889cb7c7dfc655d6e0277beee88868",
)
MPI3D_REALISTIC = PublicFile(
    path="mpi3d_realistic/mpi3d_realistic.npz",
    url=_MPI3D_BUCKET + "mpi3d_realistic.npz",
    size=12740198762,
    digest="md5:59a6225b88b635365f70c91b3e52f70f",
)
# Its authors have replaced a corrupt version; no digest of the new one is published.
MPI3D_REAL = PublicFile(
    path="mpi3d_real/mpi3d_real.npz",
    url=_MPI3D_BUCKET + "real.npz",
)
# Its authors' own copy needs a browser.
MPI3D_COMPLEX = PublicFile(
    path="mpi3d_complex/real3d_complicated_shapes_ordered.npz",
    url="https://huggingface.co/datasets/randall-lab/mpi3d-complex/resolve/main/"
    "real3d_complicated_shapes_ordered.npz",
)

# The copies of 128x128 pixels. Those of 1024x1024 and 512x512 have the same names.
_NVIDIA = "https://github.com/NVlabs/High-res-disentanglement-datasets"
FALCOR3D = PublicFile("Falcor3D_128x128/images", _NVIDIA, unpack="by hand")
ISAAC3D = PublicFile("Isaac3D_128x128/images", _NVIDIA, unpack="by hand")

# Data set -> the files that it needs.
PUBLIC_FILES = {
    "shapes3d": (SHAPES3D,),
    "dsprites_full": (DSPRITES,),
    "dsprites_noshape": (DSPRITES,),
    "color_dsprites": (DSPRITES,),
    "noisy_dsprites": (DSPRITES,),
    "scream_dsprites": (DSPRITES, SCREAM),
    "cars3d": (CARS3D,),
    "smallnorb": SMALLNORB,
    "mpi3d_toy": (MPI3D_TOY,),
    "mpi3d_realistic": (MPI3D_REALISTIC,),
    "mpi3d_real": (MPI3D_REAL,),
    "mpi3d_complex": (MPI3D_COMPLEX,),
    "falcor3d": (FALCOR3D,),
    "isaac3d": (ISAAC3D,),
}


def data_folder():
    """Returns the folder that data sets are looked for in."""
    return os.environ.get("DISENTANGLEMENT_LIB_DATA", ".")


def local_path(file):
    """Returns where a `PublicFile`, or a path below the data folder, should be."""
    return os.path.join(data_folder(), getattr(file, "path", file))


def is_there(file):
    """Tells whether a `PublicFile` lies where it belongs; an empty folder is none."""
    path = local_path(file)
    if file.unpack in (None, "gzip"):
        return os.path.exists(path)
    names = os.listdir(path) if os.path.isdir(path) else []
    return any(not name.startswith(".") for name in names)


def find(name):
    """Returns the paths of a data set's files.

    Args:
      name: Name of the data set, a key of `PUBLIC_FILES`.

    Raises:
      UserError: If one is missing; says which, how to get it, and what needs none.
    """
    paths = tuple(local_path(file) for file in PUBLIC_FILES[name])
    for path in paths:
        if not os.path.exists(path):
            raise UserError(missing(name, path))
    return paths


def missing(name, path):
    """Returns the message that a file of the data set `name` is missing."""
    twin = {"shapes3d": "shapes3d_rendered"}.get(name)
    if "dsprites" in name:
        twin = "dsprites_rendered"
    without = (
        f"its twin dataset.name='{twin}' needs"
        if twin
        else "the twins 'shapes3d_rendered' and 'dsprites_rendered' need"
    )
    get = f"`rtc data fetch {name}` downloads it"
    file = PUBLIC_FILES[name][0]
    if file.unpack == "by hand":
        get = f"Download it by hand, as {file.url} says, and unpack it"
    return (
        f"Data set '{name}': {os.path.abspath(path)} is missing. {get} into the folder "
        f"that DISENTANGLEMENT_LIB_DATA names; {without} no download."
    )


def unusable(path, reason):
    """Returns a `UserError` saying that a file is not what it should be."""
    path = os.path.abspath(path)
    public = [file for group in PUBLIC_FILES.values() for file in group]
    public = [os.path.abspath(local_path(f)) for f in [SHAPES3D_NPZ_PATH, *public]]
    if path.startswith(tuple(public)):
        remedy = "Move it away and fetch it again with `rtc data fetch`."
    else:
        remedy = "Mend it, or give another."
    return UserError(f"{path}: {reason}. {remedy}")


def check_not_html(path):
    """Raises a `UserError` if a file is a web page saved under another name."""
    with open(path, "rb") as f:
        start = f.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise unusable(path, "is a web page (an error message, most likely), not data")
