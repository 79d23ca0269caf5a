# SPDX-License-Identifier: Apache-2.0
"""Data of one's own as a data set of the library: a full grid of factors, or not.

In a gin file:

    dataset.name = "file_data"
    file_data.path = "/data/chairs.npz"
"""

import math

import numpy as np

from rtc_plugin.data import own_files
from rtc_plugin.data.ground_truth import factor_grid
from rtc_plugin.errors import UserError

_PROBED = 256


def open_own(path, size=None):
    """Opens a file or folder of one's own.

    Args:
        path: See `own_files.read`.
        size: See `own_files.read`.

    Returns:
        `OwnGrid` where there is exactly one image for each combination of factors,
        `OwnImages` otherwise. Both have `labels`, the factors' values as they are in
        the file, an array [num_images] each, in the order of the images' numbers.
        Columns that never vary are no factors.

    Raises:
        UserError: What is wrong with the files.

    Examples:
        >>> import tempfile
        >>> factors = np.stack(np.unravel_index(np.arange(6), (2, 3)), axis=1)
        >>> images = np.zeros((6, 8, 8), np.uint8)
        >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        ...     np.savez(file.name, images=images, labels=factors)
        ...     data = open_own(file.name)
        >>> data.factors_num_values, data.observation_shape
        ([2, 3], [8, 8, 1])
    """
    columns, images = own_files.read(path, size)
    labels, classes, sizes = {}, [], []
    for name, column in columns.items():
        missing = column != column if column.dtype.kind == "f" else column == ""
        if np.any(missing):
            raise UserError(
                f"{path}: {np.sum(missing)} images have no value of {name}; leave them "
                "or that column out."
            )
        values, numbers = np.unique(column, return_inverse=True)
        if len(values) > 1:
            labels[name] = column
            classes.append(numbers.ravel())
            sizes.append(len(values))
    classes = np.stack(classes, axis=1) if classes else np.empty((len(images), 0), int)
    reason = _why_no_grid(classes, sizes)
    if reason is None:
        return OwnGrid(path, images, labels, classes, sizes)
    return OwnImages(path, images, labels, classes, sizes, reason)


def _why_no_grid(classes, sizes):
    if not sizes:
        return "its images have no factors"
    found = len(np.unique(classes, axis=0))
    if found < len(classes):
        return f"{len(classes)} images have {found} combinations of factors"
    combinations = math.prod(sizes)
    if found < combinations:
        return f"{found} of {combinations} combinations of factors are there"
    return None


class _Own(factor_grid.NumberedImages):
    """Images in a file; see `open_own`."""

    def __init__(self, path, images, labels):
        self.path, self.images, self.labels = path, images, labels
        self.factor_names = list(labels)
        shape = tuple(images.shape[1:])
        self._channels_first = len(shape) == 3 and (
            shape[0] in (1, 3) and shape[2] not in (1, 3)
        )
        if self._channels_first:
            shape = (*shape[1:], shape[0])
        self.observation_shape = [*shape, 1] if len(shape) == 2 else list(shape)
        if self.observation_shape[2] not in (1, 3):
            raise UserError(
                f"{path}: its images have the shape {list(images.shape[1:])}; they "
                "need one channel or three, the first or the last."
            )
        probed = np.linspace(0, len(images) - 1, _PROBED).astype(np.int64)
        # Ones for white, as in dSprites.
        self.pixel_maximum = 1 if images[np.unique(probed)].max() <= 1 else 255

    def _read(self, rows):
        images = self.images[rows]
        if self._channels_first:
            images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        return images.reshape(-1, *self.observation_shape)


class OwnGrid(_Own, factor_grid.FactorGrid):
    """Data of one's own with one image for each combination of factors.

    The images may be in any order in the file.
    """

    latent_factor_indices = None

    def __init__(self, path, images, labels, classes, sizes):
        numbers = np.ravel_multi_index(tuple(classes.T), sizes)
        self._rows = np.argsort(numbers)
        labels = {name: column[self._rows] for name, column in labels.items()}
        self.factor_sizes, self.latent_factor_indices = sizes, list(range(len(sizes)))
        super().__init__(path, images, labels)

    def images_at(self, indices):
        """Returns the images with the numbers `indices` [n]."""
        return self._read(self._rows[np.asarray(indices)])


class OwnImages(_Own):
    """Data of one's own that lacks combinations of factors, or all factors.

    Images are drawn uniformly, with the factors that they have. What has to choose
    factors and ask for an image of them has to do without.

    Attributes:
        reason: Why it is no grid.
        classes: Factors [num_images, num_factors], numbered by their sorted values.
    """

    has_uniform_factors = False

    def __init__(self, path, images, labels, classes, sizes, reason):
        super().__init__(path, images, labels)
        self.factors_num_values, self.num_factors = list(sizes), len(sizes)
        self.classes, self.reason, self.num_images = classes, reason, len(images)

    def images_at(self, indices):
        """Returns the images with the numbers `indices` [n]."""
        return self._read(np.asarray(indices))

    def sample_indices(self, num, random_state):
        """Draws the numbers of `num` images, with replacement, int64 array."""
        return random_state.randint(self.num_images, size=num)

    def sample_factors(self, num, random_state):
        """Returns the factors [num, num_factors] of images that are drawn."""
        return self.classes[self.sample_indices(num, random_state)]

    def sample(self, num, random_state):
        """Draws images: their factors [num, num_factors] and observations."""
        indices = self.sample_indices(num, random_state)
        return self.classes[indices], self.to_observations(self.images_at(indices))

    def sample_observations_from_factors(self, factors, random_state):
        """Refuses to, in one line."""
        raise UserError(
            f"{self.path}: {self.reason}, so that none can be drawn for given factors; "
            "take metrics that need no such sampler (not BetaVAE, FactorVAE)."
        )
