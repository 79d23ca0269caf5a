# SPDX-License-Identifier: Apache-2.0
"""dSprites from the public npz file, without unpickling its metadata."""

import os

import numpy as np

from rtc_plugin.data import files, npz
from rtc_plugin.data.ground_truth import file_data
from rtc_plugin.data.ground_truth.dsprites_rendered import DSpritesRendered


class DSprites(file_data.FileData):
    """dSprites, 737,280 binary images of 64x64.

    The factors of variation are:
    0 - colour (1 value)
    1 - shape (3 different values)
    2 - scale (6 different values)
    3 - orientation (40 different values)
    4 - position x (32 different values)
    5 - position y (32 different values)

    Colour is no ground-truth factor. Numbers of values are known; the pickled entry
    `metadata` is not read.

    Raises:
      UserError: If the file is missing, or not the public file in layout.

    References:
      [1] L. Matthey, I. Higgins, D. Hassabis, A. Lerchner. dSprites: Disentanglement
        testing Sprites dataset. 2017.
    """

    name = "dsprites_full"
    twin = DSpritesRendered.name
    public_files = (
        files.PublicFile(
            path="dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
            url="https://github.com/deepmind/dsprites-dataset/raw/master/"
            "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
            digest="git:d98996d3f8ee1550e06b9d4ed78d0beb478910d5",
        ),
    )
    factor_sizes = DSpritesRendered.factor_sizes
    latent_factor_indices = DSpritesRendered.latent_factor_indices
    factor_names = DSpritesRendered.factor_names
    observation_shape = [64, 64, 1]
    pixel_maximum = 1

    def __init__(self):
        path = files.local_path(self.public_files[0])
        target = os.path.join(os.path.dirname(path), "dsprites.images.npy")
        if not (os.path.exists(path) or os.path.exists(target)):
            raise self.missing(path)
        self._open([path], target, lambda: self._convert(path))

    def _convert(self, path):
        shape = (self.num_images, 64, 64)
        with npz.open_npz(path) as archive:
            images = npz.Member(archive, "imgs")
            if images.shape != shape or images.dtype != np.uint8:
                raise files.unusable(
                    path,
                    f"'imgs' is {images.dtype} {images.shape}, not uint8 {shape}",
                )
            if "latents_classes.npy" in archive.namelist():
                self._check_classes(path, npz.Member(archive, "latents_classes"))
            twin = archive.comment.decode("ascii", "replace")
            prefix = "exported_from="
            twin = twin[len(prefix) :] if twin.startswith(prefix) else None

        def blocks():
            with npz.open_npz(path) as archive:
                for block in npz.Member(archive, "imgs").blocks():
                    if block.max() > 1:
                        raise files.unusable(path, "'imgs' holds more than 0 and 1")
                    yield block

        return shape, np.uint8, blocks(), {"exported_from": twin}

    def _check_classes(self, path, classes):
        shape = (self.num_images, len(self.factor_sizes))
        if classes.shape != shape:
            raise files.unusable(
                path, f"'latents_classes' has the shape {classes.shape}, not {shape}"
            )
        start = 0
        for block in classes.blocks():
            expected = self.indices_to_factors(np.arange(start, start + len(block)))
            if not np.array_equal(block, expected):
                raise files.unusable(
                    path, "'latents_classes' are out of range or not in order"
                )
            start += len(block)


class DSpritesNoShape(DSprites):
    """dSprites whose shape is drawn for each observation."""

    name = "dsprites_noshape"
    latent_factor_indices = [2, 3, 4, 5]
    factor_names = DSprites.factor_names[1:]


# What `dsprites_variants` draws in colour, on noise and on a painting; here, since the
# library's classes need TensorFlow, and what files there are must be known without.
class ToColour(DSprites):
    """Files of ColorDSprites."""

    name = "color_dsprites"


class ToNoise(DSprites):
    """Files of NoisyDSprites."""

    name = "noisy_dsprites"


class ToScream(DSprites):
    """Files of ScreamDSprites."""

    name = "scream_dsprites"
    public_files = (
        *DSprites.public_files,
        files.PublicFile(
            path="scream/scream.jpg",
            url="https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg",
        ),
    )
