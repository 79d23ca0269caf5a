# SPDX-License-Identifier: Apache-2.0
"""Base class of data sets that have one image per combination of factors."""

import numpy as np


class NumberedImages:
    """Data set whose images have numbers, with what the library asks of a data set.

    It has the methods of the library's `GroundTruthData` but does not derive from it:
    nothing asks for the class, and whoever measures codes need not have the library.

    Attributes:
      observation_shape: Shape of an image, [height, width, channels].
      pixel_maximum: Pixel value that the observations' 1.0 stands for.
    """

    observation_shape = (64, 64, 3)
    pixel_maximum = 255

    def images_at(self, indices):
        """Returns images by number.

        Args:
          indices: Integers in [0, num_images), shape [n].

        Returns:
          uint8 array [n, height, width, channels] in [0, pixel_maximum].
        """
        raise NotImplementedError()

    def to_observations(self, images):
        """Returns uint8 images as float32 observations in [0, 1]."""
        return np.divide(images, np.float32(self.pixel_maximum), dtype=np.float32)

    def sample(self, num, random_state):
        """Samples factors [num, num_factors] and observations of them."""
        factors = self.sample_factors(num, random_state)
        return factors, self.sample_observations_from_factors(factors, random_state)

    def sample_observations(self, num, random_state):
        """Samples observations, float32 [num, height, width, channels] in [0, 1]."""
        return self.sample(num, random_state)[1]


class FactorGrid(NumberedImages):
    """Data set with exactly one uint8 image for each combination of factors.

    Images are numbered by their factors in row-major order: the last factor runs
    fastest. Draws from a random state are those of the library's own classes, in
    their order, so that a seed gives the same sample.

    Subclasses set the attributes below and implement `images_at`.

    Attributes:
      factor_sizes: Number of values of every factor, list of D integers.
      latent_factor_indices: Which of them are ground-truth factors; the others are
        drawn afresh for each observation. All by default.
      factor_names: Names of the ground-truth factors, list of strings.
    """

    factor_sizes = ()
    factor_names = ()

    @property
    def latent_factor_indices(self):
        """Positions of the ground-truth factors among all factors."""
        return list(range(len(self.factor_sizes)))

    @property
    def num_factors(self):
        """Number of ground-truth factors."""
        return len(self.latent_factor_indices)

    @property
    def factors_num_values(self):
        """Number of values of each ground-truth factor, list of integers."""
        return [self.factor_sizes[i] for i in self.latent_factor_indices]

    @property
    def num_images(self):
        """Number of images."""
        return int(np.prod(self.factor_sizes))

    def sample_factors(self, num, random_state):
        """Samples ground-truth factors uniformly.

        Args:
          num: Number of samples.
          random_state: `numpy.random.RandomState`.

        Returns:
          int64 array [num, num_factors].
        """
        return _draw(self.factors_num_values, num, random_state)

    def factors_to_indices(self, all_factors):
        """Returns the numbers [n] of the images with the factors [n, D].

        Raises:
          ValueError: If a factor is out of its range.
        """
        all_factors = np.asarray(all_factors).astype(np.int64)
        if np.any(all_factors < 0) or np.any(all_factors >= self.factor_sizes):
            raise ValueError(
                f"Factors must be at least 0 and below {list(self.factor_sizes)}."
            )
        return np.ravel_multi_index(tuple(all_factors.T), self.factor_sizes)

    def indices_to_factors(self, indices):
        """Returns all factors [n, D] of the images with the numbers [n]."""
        return np.stack(np.unravel_index(indices, self.factor_sizes), axis=-1)

    def sample_indices_from_factors(self, factors, random_state):
        """Returns image numbers [n] for ground-truth factors [n, num_factors].

        Factors of the data set that are not ground-truth factors are drawn.
        """
        factors = np.asarray(factors)
        all_factors = np.zeros((len(factors), len(self.factor_sizes)), dtype=np.int64)
        all_factors[:, self.latent_factor_indices] = factors
        others = self._observation_factor_indices
        all_factors[:, others] = _draw(
            [self.factor_sizes[i] for i in others], len(factors), random_state
        )
        return self.factors_to_indices(all_factors)

    def sample_observations_from_factors(self, factors, random_state):
        """Returns observations of ground-truth factors [n, num_factors].

        Returns:
          float32 array [n, height, width, channels] in [0, 1].
        """
        indices = self.sample_indices_from_factors(factors, random_state)
        return self.to_observations(self.images_at(indices))

    def sample_indices(self, num, random_state):
        """Draws the images that `num` calls of `sample_observations(1)` would.

        `sample_observations(num)` draws factor by factor; the library's input
        pipeline draws image by image. This is the latter, in one call.

        Args:
          num: Number of images.
          random_state: `numpy.random.RandomState`, left as after those calls.

        Returns:
          Image numbers, int64 array [num].
        """
        order = list(self.latent_factor_indices) + self._observation_factor_indices
        sizes = [self.factor_sizes[i] for i in order]
        all_factors = np.empty((num, len(sizes)), dtype=np.int64)
        # An array of bounds makes NumPy draw one element after the other.
        all_factors[:, order] = random_state.randint(
            0, np.asarray(sizes), size=(num, len(sizes))
        )
        return np.ravel_multi_index(tuple(all_factors.T), self.factor_sizes)

    @property
    def _observation_factor_indices(self):
        latent = set(self.latent_factor_indices)
        return [i for i in range(len(self.factor_sizes)) if i not in latent]


def _draw(sizes, num, random_state):
    factors = np.zeros((num, len(sizes)), dtype=np.int64)
    for column, size in enumerate(sizes):
        factors[:, column] = random_state.randint(size, size=num)
    return factors
