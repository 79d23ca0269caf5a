# SPDX-License-Identifier: Apache-2.0
"""SmallNORB from the public binary matrices."""

import os

import numpy as np
import PIL.Image

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import file_data

_MAGIC_BYTES, _MAGIC_INTEGERS = 507333717, 507333716
_TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training-"
_TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing-"
_DAT, _CAT, _INFO = 447897624, 97220, 388820  # header and 24300 records


def _file(name, size, sha256, unpacked):
    return files.PublicFile(
        path=f"small_norb/{name}.mat",
        url=f"https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/{name}.mat.gz",
        size=size,
        digest=f"sha256:{sha256}",
        unpack="gzip",
        unpacked_limit=unpacked,
    )


class SmallNORB(file_data.FileData):
    """SmallNORB, 48,600 images scaled to 64x64.

    The ground-truth factors of variation are:
    0 - category (5 different values)
    1 - elevation (9 different values)
    2 - azimuth (18 different values)
    3 - lighting condition (6 different values)

    The instance of the category (10 different values) is drawn for each observation.

    Scaling overshoots at edges, as it does in the library: some observations lie below
    0 or above 1 a little. The images are 16-bit integers for that reason.

    Raises:
      UserError: If a file is missing, or not the public file in layout.

    References:
      [1] Y. LeCun, F. J. Huang, L. Bottou. Learning Methods for Generic Object
        Recognition with Invariance to Pose and Lighting. CVPR 2004.
    """

    name = "smallnorb"
    public_files = (
        _file(
            _TRAINING + "dat",
            131896188,
            "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
            _DAT,
        ),
        _file(
            _TRAINING + "cat",
            348,
            "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
            _CAT,
        ),
        _file(
            _TRAINING + "info",
            71052,
            "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
            _INFO,
        ),
        _file(
            _TESTING + "dat",
            130799817,
            "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
            _DAT,
        ),
        _file(
            _TESTING + "cat",
            347,
            "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
            _CAT,
        ),
        _file(
            _TESTING + "info",
            10428,
            "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
            _INFO,
        ),
    )
    factor_sizes = [5, 10, 9, 18, 6]
    latent_factor_indices = [0, 2, 3, 4]
    factor_names = ["category", "elevation", "azimuth", "lighting"]
    observation_shape = [64, 64, 1]

    def __init__(self):
        paths = [files.local_path(file) for file in self.public_files]
        target = os.path.join(os.path.dirname(paths[0]), "smallnorb.images.npy")
        if not os.path.exists(target):
            paths = self.find_files()
        self._open(list(paths), target, lambda: self._convert(paths))

    def _convert(self, paths):
        chunks = [paths[:3], paths[3:]]
        factors = np.concatenate([read_factors(cat, info) for _, cat, info in chunks])
        if len(factors) != self.num_images:
            raise files.unusable(
                os.path.dirname(paths[0]),
                f"holds {len(factors)} images, not {self.num_images}",
            )
        try:
            positions = self.factors_to_indices(factors)
        except ValueError as error:
            raise files.unusable(
                os.path.dirname(paths[0]), "labels are out of range"
            ) from error
        if len(np.unique(positions)) != self.num_images:
            raise files.unusable(
                os.path.dirname(paths[0]), "some combination of labels is missing"
            )
        images = np.empty((self.num_images, 64, 64), dtype=np.int16)
        images[positions] = np.concatenate([read_images(dat) for dat, _, _ in chunks])
        return images.shape, np.int16, [images], {}


def read_binary_matrix(path):
    """Returns a matrix of bytes (as uint8) or integers in NORB's binary format.

    Raises:
      UserError: If the file is not one, or is of another size than its header says.
    """
    files.check_not_html(path)
    header = np.fromfile(path, "<i4", 2)
    if len(header) < 2 or header[0] not in (_MAGIC_BYTES, _MAGIC_INTEGERS):
        raise files.unusable(path, "is not a binary matrix of bytes or integers")
    ndim = int(header[1])
    if not 1 <= ndim <= 8:
        raise files.unusable(path, f"says that it has {ndim} dimensions")
    stored = max(3, ndim)  # that many are written, even if there are fewer
    shape = np.fromfile(path, "<i4", stored, offset=8)[:ndim].astype(int).tolist()
    dtype = np.dtype(np.uint8 if header[0] == _MAGIC_BYTES else "<i4")
    offset = 8 + 4 * stored
    size = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if os.path.getsize(path) != size:
        raise files.unusable(
            path, f"is {os.path.getsize(path)} bytes, its header says {size}"
        )
    return np.memmap(path, dtype, "r", offset, tuple(shape))


def read_factors(cat_path, info_path):
    """Returns category, instance, elevation, azimuth and lighting, int64 [n, 5]."""
    category, info = read_binary_matrix(cat_path), read_binary_matrix(info_path)
    if category.ndim != 1 or info.shape != (len(category), 4):
        raise files.unusable(info_path, f"has the shape {info.shape}")
    factors = np.column_stack([category, info]).astype(np.int64)
    factors[:, 3] //= 2  # azimuths are given as 0, 2, 4, ..., 34
    return factors


def read_images(dat_path):
    """Returns the left images scaled to 64x64, int16 [n, 64, 64]."""
    pairs = read_binary_matrix(dat_path)
    if pairs.dtype != np.uint8 or pairs.ndim != 4 or pairs.shape[1] != 2:
        raise files.unusable(dat_path, f"is {pairs.dtype} {pairs.shape}, not pairs")
    images = np.empty((len(pairs), 64, 64), dtype=np.int16)
    for i, (left, _) in enumerate(pairs):
        # Scaled as 32-bit integers, like the library's: nothing is cut off.
        picture = PIL.Image.fromarray(left.astype(np.int32))
        images[i] = np.asarray(picture.resize((64, 64), PIL.Image.LANCZOS))
    return images
