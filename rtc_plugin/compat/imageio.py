# SPDX-License-Identifier: Apache-2.0
"""imageio: 2.28 takes bytes and milliseconds, the library gives floats and `fps`."""

import types

import imageio
import numpy as np


def write_float_frames(visualize_util):
    """Has the library's animations written as before (imageio >= 2.28).

    Frames in [0, 1] become bytes, frames per second become milliseconds per frame, and
    the animation goes round for ever, as older versions did by themselves.
    """
    if _version() < (2, 28):
        return
    visualize_util.imageio = types.SimpleNamespace(mimwrite=_mimwrite)


def _mimwrite(path, frames, fps):
    frames = [np.uint8(np.round(255 * np.clip(frame, 0, 1))) for frame in frames]
    imageio.mimwrite(path, frames, duration=1000 / fps, loop=0)


def _version():
    return tuple(int(part) for part in imageio.__version__.split(".")[:2])
