# SPDX-License-Identifier: Apache-2.0
"""The embedded twin of dSprites: the same factors and sizes, no download."""

import functools

import numpy as np

from rtc_plugin.data.ground_truth import factor_grid, render_dsprites

_CHUNK = 64


@functools.lru_cache(maxsize=1)
def load_sprites():
    """Returns the shipped sprites, uint8 [720, 33, 33]; see render_dsprites."""
    with np.load(render_dsprites.SPRITES_PATH) as data:
        shape = data["shape"]
        sprites = np.unpackbits(data["bits"], count=int(np.prod(shape)))
    sprites = sprites.reshape(-1, *shape[-2:])
    sprites.flags.writeable = False
    return sprites


class DSpritesRendered(factor_grid.FactorGrid):
    """Rendered sprites like those of dSprites, 737,280 binary images of 64x64.

    The ground-truth factors are those of dSprites, in its order:
    0 - shape (3 different values: square, ellipse, heart)
    1 - scale (6 different values, .5 to 1)
    2 - orientation (40 different values, 0 to 2 pi, both ends included)
    3 - position x (32 different values)
    4 - position y (32 different values)
    (There is a colour, too, with a single value, that is no ground-truth factor.)

    What differs from the original: the outlines (this heart is an algebraic curve),
    the sprites' size in pixels, and that a step of position is one pixel exactly, so
    that a sprite's pixels do not change when it moves.

    What does not: a whole turn is the same image as none, so that orientations 0 and 39
    show the same image of every shape; and a square looks the same after a quarter of
    a turn, an ellipse after a half. A quarter turn lies between two of the 40
    orientations (they are 2 pi / 39 apart), so these images are nearly the same, and at
    this resolution some squares are exactly the same: 678 of the 720 sprites are
    distinct. A model that sees images alone cannot tell such orientations apart, in
    this data set or in the original.

    References:
      [1] L. Matthey, I. Higgins, D. Hassabis, A. Lerchner. dSprites: Disentanglement
        testing Sprites dataset. 2017 (the original).
    """

    name = "dsprites_rendered"
    # Of the best constant image, see `constant_image`; of all images.
    constant_image_loss = 782.4610476425703
    factor_sizes = [1, 3, 6, 40, 32, 32]
    latent_factor_indices = [1, 2, 3, 4, 5]
    factor_names = ["shape", "scale", "orientation", "position_x", "position_y"]
    observation_shape = [64, 64, 1]
    pixel_maximum = 1

    def __init__(self):
        self._sprites = load_sprites()

    def images_at(self, indices):
        """Returns the images with the numbers `indices` [n], uint8 [n, 64, 64, 1]."""
        factors = self.indices_to_factors(np.asarray(indices, dtype=np.int64))
        sprite = np.ravel_multi_index(tuple(factors[:, 1:4].T), self.factor_sizes[1:4])
        left, top = factors[:, 4], factors[:, 5]
        images = np.zeros((len(factors), 64, 64), dtype=np.uint8)
        extent = np.arange(render_dsprites.PATCH_SIZE)
        for start in range(0, len(factors), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            images[chunk][
                np.arange(len(factors[chunk]))[:, None, None],
                (top[chunk, None] + extent)[:, :, None],
                (left[chunk, None] + extent)[:, None, :],
            ] = self._sprites[sprite[chunk]]
        return images[..., None]
