# SPDX-License-Identifier: Apache-2.0
"""Populations of Gaussian encodings whose total correlation is known exactly.

mu ~ N(0, C) and z | mu ~ N(mu, diag sigma^2), so z ~ N(0, C + diag sigma^2), and
Proposition 1 of the RTC-VAE paper (https://arxiv.org/abs/2009.05739) gives the total
correlation of both. C is a correlation matrix from a family with one strength in
[0, 1], which is set so that a target is met.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize

from rtc_plugin import total_correlation

STRUCTURES = ("equicorrelation", "blocks", "random")
TARGETS_ON = ("det", "tc_mean", "tc_sample")


class UnreachableTarget(ValueError):
    """No strength of the structure meets the target."""


class Population(NamedTuple):
    """The law of Gaussian encodings.

    Attributes:
        cov_mean: [num_latent, num_latent], covariance of the means.
        sigma: [num_latent], standard deviations of the noise.
    """

    cov_mean: np.ndarray
    sigma: np.ndarray

    @property
    def tc_mean(self):
        """Total correlation of the means, nats; can be infinite."""
        return total_correlation.gaussian_from_covariance(self.cov_mean)

    @property
    def tc_sample(self):
        """Total correlation of the sampled codes, nats."""
        return total_correlation.gaussian_from_covariance(self.cov_sample)

    @property
    def det(self):
        """Determinant of the means' correlation matrix, exp(-2 tc_mean)."""
        return math.exp(-2.0 * self.tc_mean)

    @property
    def cov_sample(self):
        """Covariance of the sampled codes."""
        return self.cov_mean + np.diag(self.sigma**2)

    @property
    def center(self):
        """[num_latent], means of the sampled codes."""
        return np.zeros(len(self.sigma))

    @property
    def scale(self):
        """[num_latent], standard deviations of the sampled codes."""
        return np.sqrt(np.diag(self.cov_sample))

    def encode(self, mean_noise, sample_noise):
        """Maps standard normal [batch_size, num_latent] noise to z, z_mean, z_logvar.

        The same noise under another population moves smoothly, so that estimates can
        be differentiated in the population's parameters.
        """
        values, vectors = np.linalg.eigh(self.cov_mean)
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        z_mean = mean_noise @ root
        z_logvar = np.broadcast_to(2.0 * np.log(self.sigma), z_mean.shape)
        return z_mean + self.sigma * sample_noise, z_mean, z_logvar

    def draw(self, random, batch_size):
        """Draws a batch: z, z_mean, z_logvar, each [batch_size, num_latent]."""
        shape = (batch_size, len(self.sigma))
        return self.encode(random.standard_normal(shape), random.standard_normal(shape))

    def draw_independent(self, random, batch_size):
        """Draws [batch_size, num_latent] codes from the product of the marginals."""
        return self.scale * random.standard_normal((batch_size, len(self.sigma)))

    def shut(self, count):
        """Returns the population with the last `count` latents collapsed to N(0, 1)."""
        sigma = self.sigma.copy()
        cov_mean = self.cov_mean.copy()
        if count:
            sigma[-count:] = 1.0
            cov_mean[-count:] = 0.0
            cov_mean[:, -count:] = 0.0
        return Population(cov_mean, sigma)


def at_strength(structure, num_latent, strength, sigma, seed=0):
    """Returns the population of a structure at a strength in [0, 1].

    Args:
        structure: `equicorrelation` (one correlation for all pairs), `blocks` (pairs
            of latents; an odd one is left alone) or `random` (from independence
            towards a random correlation matrix of rank num_latent / 2).
        num_latent: Number of latents.
        strength: 0 is independence; at 1 the means are linearly dependent.
        sigma: Standard deviation of the noise.
        seed: Of the random matrix.
    """
    if structure == "equicorrelation":
        extreme = np.ones((num_latent, num_latent))
    elif structure == "blocks":
        pairs = np.arange(num_latent) // 2
        extreme = (pairs[:, None] == pairs).astype(float)
    elif structure == "random":
        random = np.random.default_rng([seed, num_latent])
        loadings = random.standard_normal((num_latent, (num_latent + 1) // 2))
        loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
        extreme = loadings @ loadings.T
    else:
        raise ValueError(
            f"structure must be one of {', '.join(STRUCTURES)}, got {structure!r}."
        )
    corr = strength * extreme
    np.fill_diagonal(corr, 1.0)
    return Population(corr, np.full(num_latent, float(sigma)))


def at_target(structure, num_latent, target, target_on, sigma, seed=0):
    """Returns the population of a structure that meets a target.

    Args:
        structure: As in `at_strength`.
        num_latent: Number of latents.
        target: Value to meet.
        target_on: `det` (of the means' correlation matrix, in [0, 1]), `tc_mean` or
            `tc_sample` (nats).
        sigma: Standard deviation of the noise.
        seed: Of the random structure.

    Raises:
        UnreachableTarget: Noise bounds the total correlation of sampled codes; one
            latent has none.
        ValueError: An unknown structure or target_on, or a target out of range.
    """
    if target_on not in TARGETS_ON:
        raise ValueError(
            f"target_on must be one of {', '.join(TARGETS_ON)}, got {target_on!r}."
        )
    if target < 0 or (target_on == "det" and target > 1):
        raise ValueError(f"target {target} is out of the range of {target_on}.")
    if target_on == "det":
        target_on, target = "tc_mean", -0.5 * math.log(target) if target else math.inf

    # In u = -log(1 - strength) the total correlation is nearly linear at its steep end.
    def excess(u):
        population = at_strength(structure, num_latent, -math.expm1(-u), sigma, seed)
        return min(getattr(population, target_on), 1e6) - target

    weakest = at_strength(structure, num_latent, 0.0, sigma, seed)
    strongest = at_strength(structure, num_latent, 1.0, sigma, seed)
    if target == 0:
        return weakest
    largest = getattr(strongest, target_on)
    if target > largest or (math.isinf(target) and math.isfinite(largest)):
        raise UnreachableTarget(
            f"{target_on} = {target:g} cannot be reached with {num_latent} latents "
            f"({structure}, sigma {sigma:g}); the most is {largest:g}."
        )
    if target == largest:
        return strongest
    u = optimize.brentq(excess, 0.0, 33.0, xtol=1e-13)
    return at_strength(structure, num_latent, -math.expm1(-u), sigma, seed)
