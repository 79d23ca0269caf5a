# SPDX-License-Identifier: Apache-2.0
"""Shapes3D from the public h5 file (or the npz file that the library reads)."""

import os

import numpy as np

from rtc_plugin.data import files, h5, npz
from rtc_plugin.data.ground_truth import file_data
from rtc_plugin.data.ground_truth.shapes3d_rendered import Shapes3DRendered

# Values of the labels in the public file, by factor.
LABEL_VALUES = [
    np.linspace(0, 0.9, 10),
    np.linspace(0, 0.9, 10),
    np.linspace(0, 0.9, 10),
    np.linspace(0.75, 1.25, 8),
    np.arange(4.0),
    np.linspace(-30, 30, 15),
]


class Shapes3D(file_data.FileData):
    """Shapes3D, 480,000 images of 64x64x3.

    The ground-truth factors of variation are:
    0 - floor hue (10 different values)
    1 - wall hue (10 different values)
    2 - object hue (10 different values)
    3 - scale (8 different values)
    4 - shape (4 different values)
    5 - orientation (15 different values)

    Raises:
      UserError: If the file is missing, or not the public file in layout.

    References:
      [1] H. Kim and A. Mnih. Disentangling by Factorising. ICML 2018.
    """

    name = "shapes3d"
    twin = Shapes3DRendered.name
    public_files = (
        files.PublicFile(
            path="3dshapes/3dshapes.h5",
            url="https://storage.googleapis.com/3d-shapes/3dshapes.h5",
            size=267573662,
            digest="sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        ),
    )
    # Never published, but what the library reads.
    npz_path = (
        "3dshapes/look-at-object-room_floor-hueXwall-hueXobj-hueXobj-sizeXobj-shapeX"
        "view-azi.npz"
    )
    factor_sizes = Shapes3DRendered.factor_sizes
    label_values = LABEL_VALUES
    factor_names = Shapes3DRendered.factor_names
    observation_shape = [64, 64, 3]

    def __init__(self):
        source = files.local_path(self.npz_path)
        convert = self._convert_npz
        public = files.local_path(self.public_files[0])
        target = os.path.join(os.path.dirname(public), "3dshapes.images.npy")
        if os.path.exists(public) or not os.path.exists(source):
            source, convert = public, self._convert_h5
        if not (os.path.exists(source) or os.path.exists(target)):
            raise self.missing(public)
        self._open([source], target, lambda: convert(source))

    def _convert_h5(self, path):
        with h5.open_h5(path) as f:
            images, labels = (h5.array(f, path, key) for key in ("images", "labels"))
            shape = (self.num_images, *self.observation_shape)
            _check_layout(path, "images", images, shape, np.uint8)
            _check_layout(path, "labels", labels, (shape[0], len(self.factor_sizes)))
            self._check_labels(path, h5.read(path, labels, slice(None)))
            twin = f.attrs.get("exported_from")
        return shape, np.uint8, h5.blocks(path, "images"), {"exported_from": twin}

    def _check_labels(self, path, labels):
        factors = np.empty(labels.shape, dtype=np.int64)
        for i, values in enumerate(self.label_values):
            distances = np.abs(labels[:, i, None] - values)
            factors[:, i] = distances.argmin(-1)
            # Written so that NaN is out of range.
            if not np.all(distances.min(-1) < 1e-3):
                raise files.unusable(
                    path, f"labels of {self.factor_names[i]} are out of range"
                )
        if not np.array_equal(
            self.factors_to_indices(factors), np.arange(self.num_images)
        ):
            raise files.unusable(path, "its images are not in the order of the labels")

    def _convert_npz(self, path):
        with npz.open_npz(path) as archive:
            images = npz.Member(archive, "images")
            grid = (*self.factor_sizes, *self.observation_shape)
            flat = (self.num_images, *self.observation_shape)
            if images.shape != grid:
                _check_layout(path, "images", images, flat, np.uint8)
            _check_layout(path, "images", images, images.shape, np.uint8)
            labels = npz.Member(archive, "labels")
            if int(np.prod(labels.shape)) != self.num_images * len(self.factor_sizes):
                raise files.unusable(path, f"'labels' has the shape {labels.shape}")

        def blocks():
            with npz.open_npz(path) as archive:
                for block in npz.Member(archive, "images").blocks():
                    yield block.reshape(-1, *self.observation_shape)

        return flat, np.uint8, blocks(), {}


def _check_layout(path, key, array, shape, dtype=None):
    if tuple(array.shape) != tuple(shape):
        raise files.unusable(
            path, f"'{key}' has the shape {tuple(array.shape)}, not {tuple(shape)}"
        )
    if dtype is None:
        if array.dtype.kind not in "iuf":
            raise files.unusable(path, f"'{key}' holds {array.dtype}, not numbers")
    elif array.dtype != dtype:
        raise files.unusable(
            path, f"'{key}' holds {array.dtype}, not {np.dtype(dtype)}"
        )
