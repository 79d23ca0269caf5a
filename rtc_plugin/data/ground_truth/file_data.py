# SPDX-License-Identifier: Apache-2.0
"""Base class of the data sets that are read from the public files."""

import os
import sys

import numpy as np

from rtc_plugin.data import conversion, files
from rtc_plugin.data.ground_truth import factor_grid
from rtc_plugin.errors import UserError


class FileData(factor_grid.FactorGrid):
    """A `FactorGrid` whose images lie in a converted file, in row-major order.

    Attributes:
      name: What `dataset.name` calls it.
      twin: Name of the rendered data set like it, None if there is none.
      public_files: The `PublicFile`s that it is read from.
    """

    name = None
    twin = None
    public_files = ()

    @classmethod
    def find_files(cls):
        """Returns the paths of its files.

        Raises:
          UserError: If one is missing.
        """
        paths = tuple(files.local_path(file) for file in cls.public_files)
        for path in paths:
            if not os.path.exists(path):
                raise cls.missing(path)
        return paths

    @classmethod
    def missing(cls, path):
        """Returns a `UserError` that says which file is missing and how to get it."""
        without = (
            f"its twin dataset.name='{cls.twin}' needs"
            if cls.twin
            else "the twins 'shapes3d_rendered' and 'dsprites_rendered' need"
        )
        get = f"`rtc data fetch {cls.name}` downloads it"
        file = cls.public_files[0]
        if file.unpack == "by hand":
            get = f"Download it by hand, as {file.url} says, and unpack it"
        return UserError(
            f"Data set '{cls.name}': {os.path.abspath(path)} is missing. {get} into "
            f"the folder that DISENTANGLEMENT_LIB_DATA names; {without} no download."
        )

    def _open(self, sources, target, convert):
        self.images, self.remembered = conversion.open_converted(
            sources, target, convert
        )
        twin = self.remembered.get("exported_from")
        if twin:
            print(
                f"{sources[0]} is not the original but an export of '{twin}'",
                file=sys.stderr,
            )

    def images_at(self, indices):
        """Returns the images with the numbers `indices` [n], [n, *observation_shape].

        They are integers as in the file: observations times `pixel_maximum`.
        """
        images = self.images[np.asarray(indices)]
        return images.reshape(-1, *self.observation_shape)
