# SPDX-License-Identifier: Apache-2.0
"""MPI3D from the public npz files."""

import os

import numpy as np

from rtc_plugin.data import files, npz
from rtc_plugin.data.ground_truth import file_data

_BUCKET = "https://storage.googleapis.com/mpi3d_disentanglement_dataset/data/"


class MPI3D(file_data.FileData):
    """MPI3D: simple or realistic renderings, photos, or photos of things, 64x64x3.

    The ground-truth factors of variation are:
    0 - object color (6 different values, or 4)
    1 - object shape (6 different values, or 4)
    2 - object size (2 different values)
    3 - camera height (3 different values)
    4 - background color (3 different values)
    5 - first degree of freedom (40 different values)
    6 - second degree of freedom (40 different values)

    The files of 2019 with renderings held 460,800 images, four colours and shapes; this
    is what the library's class expects. Those that are published now hold 1,036,800,
    six colours and shapes. The number of images in the file decides here; the library's
    class would mistake the factors of today's files. The photos of cups, a ball and a
    croissant have four colours and four shapes.

    Raises:
      UserError: If the file is missing, or not the public file in layout.

    References:
      [1] M. W. Gondal et al. On the Transfer of Inductive Bias from Simulation to the
        Real World: a New Disentanglement Dataset. NeurIPS 2019.
    """

    # Possible sizes of the factors; those of the files that are published now.
    layouts = ([6, 6, 2, 3, 3, 40, 40], [4, 4, 2, 3, 3, 40, 40])
    factor_sizes = layouts[0]
    factor_names = [
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "first_dof",
        "second_dof",
    ]
    observation_shape = [64, 64, 3]

    def __init__(self):
        path = files.local_path(self.public_files[0])
        target = os.path.join(os.path.dirname(path), f"{self.name}.images.npy")
        if not (os.path.exists(path) or os.path.exists(target)):
            raise self.missing(path)
        self._open([path], target, lambda: self._convert(path))
        self.factor_sizes = self._layout(len(self.images))

    def _layout(self, num_images):
        return {int(np.prod(sizes)): sizes for sizes in self.layouts}.get(num_images)

    def _convert(self, path):
        with npz.open_npz(path) as archive:
            images = npz.Member(archive, "images")
            count = int(np.prod(images.shape[:-3]))
            shape = (count, *self.observation_shape)
            if (
                self._layout(count) is None
                or images.shape[-3:] != shape[1:]
                or images.dtype != np.uint8
            ):
                allowed = " or ".join(str(int(np.prod(s))) for s in self.layouts)
                raise files.unusable(
                    path,
                    f"'images' is {images.dtype} {images.shape}, not uint8 {allowed} "
                    "images of 64x64x3",
                )

        def blocks():
            with npz.open_npz(path) as archive:
                for block in npz.Member(archive, "images").blocks():
                    yield block.reshape(-1, *self.observation_shape)

        return shape, np.uint8, blocks(), {}


class MPI3DToy(MPI3D):
    """Simple renderings."""

    name = "mpi3d_toy"
    public_files = (
        files.PublicFile(
            path="mpi3d_toy/mpi3d_toy.npz",
            url=_BUCKET + "mpi3d_toy.npz",
            digest="md5:55889cb7c7dfc655d6e0277beee88868",
        ),
    )


class MPI3DRealistic(MPI3D):
    """Realistic renderings."""

    name = "mpi3d_realistic"
    public_files = (
        files.PublicFile(
            path="mpi3d_realistic/mpi3d_realistic.npz",
            url=_BUCKET + "mpi3d_realistic.npz",
            size=12740198762,
            digest="md5:59a6225b88b635365f70c91b3e52f70f",
        ),
    )


class MPI3DReal(MPI3D):
    """Photos."""

    name = "mpi3d_real"
    # Its authors have replaced a corrupt version, and publish no digest of the new one.
    public_files = (
        files.PublicFile(
            path="mpi3d_real/mpi3d_real.npz",
            url=_BUCKET + "real.npz",
        ),
    )


class MPI3DComplex(MPI3D):
    """Photos of cups, a ball and a croissant."""

    name = "mpi3d_complex"
    # Its authors' own copy needs a browser.
    public_files = (
        files.PublicFile(
            path="mpi3d_complex/real3d_complicated_shapes_ordered.npz",
            url="https://huggingface.co/datasets/randall-lab/mpi3d-complex/resolve/main/"
            "real3d_complicated_shapes_ordered.npz",
        ),
    )
    factor_sizes = MPI3D.layouts[1]
