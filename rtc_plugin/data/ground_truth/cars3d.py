# SPDX-License-Identifier: Apache-2.0
"""Cars3D from the public mat files."""

import os

import numpy as np
import PIL.Image
import scipy.io

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import file_data


class Cars3D(file_data.FileData):
    """Cars3D, 17,568 images scaled to 64x64x3.

    The ground-truth factors of variation are:
    0 - elevation (4 different values)
    1 - azimuth (24 different values)
    2 - object type (183 different values)

    Object types are numbered by the names of their files. The library numbers them in
    the order in which the file system happens to list the files.

    Raises:
      UserError: If files are missing, or not the public files in layout.

    References:
      [1] S. Reed, Y. Zhang, Y. Zhang, H. Lee. Deep Visual Analogy-Making. NIPS 2015.
    """

    name = "cars3d"
    public_files = (
        files.PublicFile(
            path="cars",
            url="http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
            digest="md5:4e866a7919c1beedf53964e6f7a23686",
            unpack="tar:data/cars",
            unpacked_limit=64 << 20,
        ),
    )
    factor_sizes = [4, 24, 183]
    factor_names = ["elevation", "azimuth", "object_type"]
    observation_shape = [64, 64, 3]

    def __init__(self):
        folder = files.local_path(self.public_files[0])
        target = os.path.join(folder, "cars3d.images.npy")
        found = [name for name in _list(folder) if name.endswith(".mat")]
        if not (found or os.path.exists(target)):
            raise self.missing(os.path.join(folder, "car_*_mesh.mat"))
        sources = [os.path.join(folder, name) for name in sorted(found)]
        self._open(sources, target, lambda: self._convert(folder, sources))

    def _convert(self, folder, sources):
        elevations, azimuths, num_cars = self.factor_sizes
        if len(sources) != num_cars:
            raise files.unusable(
                folder, f"holds {len(sources)} mat files, not {num_cars}"
            )
        shape = (elevations, azimuths, num_cars, *self.observation_shape)
        images = np.empty(shape, dtype=np.uint8)
        for car, path in enumerate(sources):
            images[:, :, car] = load_mesh(path, azimuths, elevations)
        images = images.reshape(-1, *self.observation_shape)
        return images.shape, np.uint8, [images], {}


def _list(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []


def load_mesh(path, azimuths, elevations):
    """Returns a car's images scaled to 64x64, uint8 [elevations, azimuths, 64, 64, 3].

    Raises:
      UserError: If the file is not one of Cars3D's.
    """
    files.check_not_html(path)
    try:
        mesh = scipy.io.loadmat(path, variable_names=["im"])["im"]
    # A damaged file makes SciPy raise nearly anything.
    except Exception as error:
        raise files.unusable(
            path, f"is truncated or not a mat file with 'im' ({error})"
        ) from error
    if (
        mesh.dtype != np.uint8
        or mesh.ndim != 5
        or mesh.shape[2:] != (3, azimuths, elevations)
    ):
        raise files.unusable(
            path,
            f"'im' is {mesh.dtype} {mesh.shape}, not uint8 "
            f"(height, width, 3, {azimuths}, {elevations})",
        )
    pictures = np.transpose(mesh, (4, 3, 0, 1, 2))
    scaled = [
        [PIL.Image.fromarray(p).resize((64, 64), PIL.Image.LANCZOS) for p in row]
        for row in np.ascontiguousarray(pictures)
    ]
    return np.stack([[np.asarray(p) for p in row] for row in scaled])
