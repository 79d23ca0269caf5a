# SPDX-License-Identifier: Apache-2.0
"""Renders the sprites that `dsprites_rendered` places in its images.

Run once by a maintainer; the result ships with the package, so that every machine has
the same bytes:

    python -m rtc_plugin.data.ground_truth.render_dsprites

A sprite is a binary patch of 33x33 pixels: a pixel is white where the shape covers at
least half of it. Moving the shape by whole pixels moves the patch, so that 3 shapes * 6
scales * 40 orientations = 720 patches make all images.
"""

import hashlib
import os

import numpy as np

from rtc_plugin.files import whole_file

SPRITES_PATH = os.path.join(os.path.dirname(__file__), "dsprites_rendered.npz")

SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1.0, 6)
# As in the original the last orientation is a whole turn, and so equals the first.
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)

PATCH_SIZE = 33
SUBSAMPLES = 12  # points per pixel and axis

# In pixels, of a sprite of scale 1; all stay within 16 pixels of the patch's middle.
SQUARE_HALF = 11.0
ELLIPSE_HALF_WIDTH, ELLIPSE_HALF_HEIGHT = 9.0, 15.5
HEART_UNIT = 11.5


def covers(shape, x, y):
    """Tells which points (x right, y up, in pixels) an upright sprite covers."""
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) < SQUARE_HALF
    if shape == "ellipse":
        return (x / ELLIPSE_HALF_WIDTH) ** 2 + (y / ELLIPSE_HALF_HEIGHT) ** 2 < 1
    x, y = x / HEART_UNIT, y / HEART_UNIT
    return (x * x + y * y - 1) ** 3 - x * x * y * y * y < 0


def render_sprite(shape, scale, orientation):
    """Returns a sprite, bool [33, 33]; rows run downwards."""
    n = PATCH_SIZE * SUBSAMPLES
    axis = (np.arange(n) + 0.5) / SUBSAMPLES - PATCH_SIZE / 2
    x, y = axis[None, :], -axis[:, None]
    cos, sin = np.cos(orientation), np.sin(orientation)
    inside = covers(shape, (cos * x + sin * y) / scale, (cos * y - sin * x) / scale)
    coverage = inside.reshape(PATCH_SIZE, SUBSAMPLES, PATCH_SIZE, SUBSAMPLES)
    return coverage.mean(axis=(1, 3)) >= 0.5


def render_sprites():
    """Returns all sprites, bool [3, 6, 40, 33, 33]."""
    # The whole turn is no turn: rounding of its sine must not make a difference.
    turns = ORIENTATIONS[:-1].tolist() + [0.0]
    return np.array(
        [
            [[render_sprite(shape, scale, turn) for turn in turns] for scale in SCALES]
            for shape in SHAPES
        ]
    )


def checksum(sprites):
    """SHA-256 of sprites, as hexadecimal digits."""
    return hashlib.sha256(np.packbits(sprites).tobytes()).hexdigest()


def main():
    """Renders all sprites and writes them where the package looks for them."""
    sprites = render_sprites()
    with whole_file(SPRITES_PATH) as partial:
        np.savez_compressed(
            partial, bits=np.packbits(sprites), shape=np.array(sprites.shape)
        )
    print(f"wrote {SPRITES_PATH}, SHA-256 of the sprites {checksum(sprites)}")


if __name__ == "__main__":
    main()
