# SPDX-License-Identifier: Apache-2.0
"""Shapes3D's embedded twin: the same factors and sizes, no download."""

import colorsys
import functools

import numpy as np

from rtc_plugin.data.ground_truth import factor_grid, render_shapes3d

# An image is composed of maps in 16-bit integers; this many at once stay in cache.
_CHUNK = 64
_SKY = (214, 232, 250)


@functools.lru_cache(maxsize=1)
def load_weights():
    """Returns the shipped weight maps, uint8 [480, 4, 4096]; see render_shapes3d."""
    with np.load(render_shapes3d.MAPS_PATH) as data:
        weights = data["weights"]
    weights = weights.reshape(-1, *weights.shape[-2:])
    weights.flags.writeable = False
    return weights


def hue_palette():
    """Returns the colours of the ten hues 0, .1, ..., .9, uint16 [10, 3]."""
    colors = [colorsys.hsv_to_rgb(hue / 10, 0.72, 0.95) for hue in range(10)]
    return np.round(255 * np.array(colors)).astype(np.uint16)


class Shapes3DRendered(factor_grid.FactorGrid):
    """A rendered room like that of Shapes3D, 480,000 images of 64x64x3.

    The ground-truth factors are those of Shapes3D, in its order:
    0 - floor hue (10 different values)
    1 - wall hue (10 different values)
    2 - object hue (10 different values)
    3 - scale of the object (8 different values, .75 to 1.25)
    4 - shape (4 different values: cube, cylinder, sphere, capsule)
    5 - orientation, the camera's azimuth (15 different values, -30 to 30 degrees)

    The images are not those of Shapes3D: scores on this data set cannot stand
    beside scores on the original. They are composed of 480 shipped weight maps and
    a palette in integer arithmetic, so they are the same bytes everywhere, and no
    two of them are the same.

    References:
      [1] H. Kim and A. Mnih. Disentangling by Factorising. ICML 2018 (introduced
        the original).
    """

    name = "shapes3d_rendered"
    # Of the best constant image, see `constant_image`; of all images.
    constant_image_loss = 8049.639668394051
    factor_sizes = [10, 10, 10, 8, 4, 15]
    factor_names = [
        "floor_hue",
        "wall_hue",
        "object_hue",
        "scale",
        "shape",
        "orientation",
    ]
    observation_shape = [64, 64, 3]

    def __init__(self):
        self._weights = load_weights()
        self._palette = hue_palette()

    def images_at(self, indices):
        """Returns the images with the numbers `indices` [n], uint8 [n, 64, 64, 3]."""
        indices = np.asarray(indices, dtype=np.int64)
        hues, maps = np.divmod(indices, len(self._weights))
        hues = np.stack(np.unravel_index(hues, self.factor_sizes[:3]), axis=-1)
        images = np.empty((len(indices), 64 * 64, 3), dtype=np.uint8)
        for start in range(0, len(indices), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            _compose(
                self._weights[maps[chunk]], self._palette[hues[chunk]], images[chunk]
            )
        return images.reshape(-1, 64, 64, 3)


def _compose(weights, colors, out):
    """Adds up weighted colours.

    Args:
      weights: uint8 [n, 4, pixels]; a pixel's four weights add up to at most 255.
      colors: uint16 [n, 3, 3], colours of floor, wall and object, at most 255.
      out: uint8 [n, pixels, 3], written to.
    """
    weights = weights.astype(np.uint16)
    for channel in range(3):
        # At most 255 * 255 + 128: it fits in 16 bits.
        total = weights[:, render_shapes3d.SKY] * np.uint16(_SKY[channel])
        for surface in range(3):
            total += weights[:, surface] * colors[:, surface, channel, None]
        total += np.uint16(128)
        total >>= np.uint16(8)
        out[..., channel] = total
