# SPDX-License-Identifier: Apache-2.0
"""Falcor3D and Isaac3D from the published folders of numbered pictures."""

import os

import numpy as np

from rtc_plugin.data import files, pictures
from rtc_plugin.data.ground_truth import file_data


def _pictures(name):
    # The copies of 128x128 pixels. Those of 1024x1024 and 512x512 have the same names.
    return files.PublicFile(
        f"{name}_128x128/images",
        "https://github.com/NVlabs/High-res-disentanglement-datasets",
        unpack="by hand",
    )


class _NumberedPictures(file_data.FileData):
    """Pictures 000000.png, 000001.png, ..., scaled to 64x64x3.

    Raises:
      UserError: If the folder is missing, or not the published one in layout.

    References:
      [1] W. Nie et al. Semi-Supervised StyleGAN for Disentanglement Learning.
        ICML 2020.
    """

    observation_shape = [64, 64, 3]

    def __init__(self):
        (file,) = self.public_files
        folder = files.local_path(file)
        # Where `images` is a folder of its own, or where it is not.
        if not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        target = files.local_path(os.path.dirname(file.path) + ".images.npy")
        there = os.path.isdir(folder)
        if not (there or os.path.exists(target)):
            raise self.missing(files.local_path(file))
        # Its date tells of pictures that come or go; there are too many to ask each.
        sources = [folder] if there else []
        self._open(sources, target, lambda: self._convert(folder))

    def _convert(self, folder):
        names = [f"{number:06d}.png" for number in range(self.num_images)]
        found = {name for name in os.listdir(folder) if name.endswith(".png")}
        if found != set(names):
            missing = min(set(names) - found, default=None)
            lacks = f"{missing} is missing" if missing else f"not {len(names)}"
            raise files.unusable(folder, f"holds {len(found)} png files; {lacks}")
        paths = ((os.path.join(folder, name), name) for name in names)
        blocks = pictures.blocks(paths, self.observation_shape, size=64)
        return (len(names), *self.observation_shape), np.uint8, blocks, {}


class Falcor3D(_NumberedPictures):
    """Falcor3D, 233,280 renderings of a living room.

    The ground-truth factors of variation are:
    0 - lighting intensity (5 different values)
    1 - lighting x direction (6 different values)
    2 - lighting y direction (6 different values)
    3 - lighting z direction (6 different values)
    4 - camera x position (6 different values)
    5 - camera y position (6 different values)
    6 - camera z position (6 different values)
    """

    name = "falcor3d"
    public_files = (_pictures("Falcor3D"),)
    factor_sizes = [5, 6, 6, 6, 6, 6, 6]
    factor_names = [
        "lighting_intensity",
        "lighting_x",
        "lighting_y",
        "lighting_z",
        "camera_x",
        "camera_y",
        "camera_z",
    ]


class Isaac3D(_NumberedPictures):
    """Isaac3D, 737,280 renderings of a kitchen with a robot.

    The ground-truth factors of variation are:
    0 - object shape (3 different values)
    1 - robot x movement (8 different values)
    2 - robot y movement (5 different values)
    3 - camera height (4 different values)
    4 - object scale (4 different values)
    5 - lighting intensity (4 different values)
    6 - lighting y direction (6 different values)
    7 - object color (4 different values)
    8 - wall color (4 different values)

    This is the order in its authors' program. Their page lists the factors in another
    one, beside steps between numbers (30720 for the second, 6144 for the third) that
    only this order has.
    """

    name = "isaac3d"
    public_files = (_pictures("Isaac3D"),)
    factor_sizes = [3, 8, 5, 4, 4, 4, 6, 4, 4]
    factor_names = [
        "object_shape",
        "robot_x",
        "robot_y",
        "camera_height",
        "object_scale",
        "lighting_intensity",
        "lighting_y",
        "object_color",
        "wall_color",
    ]
