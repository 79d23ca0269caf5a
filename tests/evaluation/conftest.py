# SPDX-License-Identifier: Apache-2.0
"""A data set whose images are the factors, and encoders with closed forms."""

import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import ground_truth_data

from rtc_plugin.measures import codes_from_array


class FactorData(ground_truth_data.GroundTruthData):
    """Independent uniform factors; an observation is its factors and noise."""

    factor_names = ["hue", "shape", "size"]
    factors_num_values = [10, 4, 8]
    num_factors = 3
    observation_shape = [6]

    def sample_factors(self, num, random_state):
        return np.stack(
            [random_state.randint(n, size=num) for n in self.factors_num_values], axis=1
        )

    def sample_observations_from_factors(self, factors, random_state):
        return np.hstack([factors, random_state.normal(size=(len(factors), 3))])


class FiniteData(FactorData):
    """The same without randomness beyond the factors: 320 images."""

    def sample_observations_from_factors(self, factors, random_state):
        return np.hstack([factors, np.sin(factors @ [[1, 5, 9], [2, 7, 3], [4, 6, 8]])])


@pytest.fixture
def data():
    return FactorData()


@pytest.fixture
def finite_data():
    return FiniteData()


@pytest.fixture
def encoder():
    """Means are noisy factors (signal share 0.99, 0.5 and 0: one is dead)."""

    def represent(observations):
        factors, noise = observations[:, :3], observations[:, 3:]
        z_mean = (factors - [4.5, 1.5, 3.5]) * [1.0, 1.0, 0.0] + 0.1 * noise
        z_mean[:, 2] = 0.25
        variance = np.tile([0.08, 1.26, 1.0], (len(factors), 1))
        return np.stack([z_mean, np.log(variance)], axis=1)

    return represent


@pytest.fixture
def linear_codes():
    """Codes of a linear-Gaussian encoder: mu = A x, x standard normal."""

    def make(mixing, noise_variance, num_samples=5000, seed=0):
        mixing = np.asarray(mixing, dtype=float)
        x = np.random.default_rng(seed).standard_normal((num_samples, mixing.shape[1]))
        z_mean = x @ mixing.T
        z_logvar = np.tile(np.log(noise_variance), (num_samples, 1))
        z_logvar = np.broadcast_to(z_logvar, z_mean.shape)
        factors = np.zeros((num_samples, 1), dtype=int)
        return codes_from_array(np.stack([z_mean, z_logvar], axis=1), factors)

    return make
