# SPDX-License-Identifier: Apache-2.0
"""Base class of the data sets that are read from the public files."""

import sys

import numpy as np

from rtc_plugin.data import conversion
from rtc_plugin.data.ground_truth import factor_grid


class FileData(factor_grid.FactorGrid):
    """A `FactorGrid` whose images lie in a converted file, in row-major order."""

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
