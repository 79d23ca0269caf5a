# SPDX-License-Identifier: Apache-2.0
"""The library's variants of dSprites with random observations, on converted files.

All but the reading of the files is the library's own code.
"""

import os

import numpy as np
import PIL.Image
from disentanglement_lib.data.ground_truth import dsprites as stock
from disentanglement_lib.data.ground_truth import util

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import dsprites


class _Variant(stock.DSprites):
    """Replaces the part of the library's class that unpickles and loads all images."""

    source = None
    data_shape = [64, 64, 3]

    def __init__(self):
        opened = self.source()
        self.latent_factor_indices = opened.latent_factor_indices
        self.factor_names = opened.factor_names
        self.images, self.remembered = opened.images, opened.remembered
        self.full_factor_sizes = list(opened.factor_sizes)
        self.factor_sizes = np.array(opened.factor_sizes, dtype=np.int64)
        self.factor_bases = opened.num_images / np.cumprod(self.factor_sizes)
        self.state_space = util.SplitDiscreteStateSpace(
            self.factor_sizes, self.latent_factor_indices
        )


class ColorDSprites(_Variant, stock.ColorDSprites):
    """dSprites in a random colour."""

    source = dsprites.ToColour


class NoisyDSprites(_Variant, stock.NoisyDSprites):
    """dSprites on noise."""

    source = dsprites.ToNoise


class ScreamDSprites(_Variant, stock.ScreamDSprites):
    """dSprites that invert a random piece of Munch's The Scream."""

    source = dsprites.ToScream

    def __init__(self):
        super().__init__()
        path = files.local_path(self.source.public_files[1])
        if not os.path.exists(path):
            raise self.source.missing(path)
        files.check_not_html(path)
        try:
            with PIL.Image.open(path) as scream:
                scream.thumbnail((350, 274))
                self.scream = np.array(scream) * 1.0 / 255.0
        except OSError as error:
            raise files.unusable(path, f"is not a picture ({error})") from error
        if self.scream.ndim != 3 or min(self.scream.shape[:2]) <= 64:
            raise files.unusable(path, "is not a colour picture of 65 pixels and more")
