# SPDX-License-Identifier: Apache-2.0
"""Scores of single latents about single factors, as [num_latent, num_factors]."""

from collections.abc import Sequence
from typing import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

# Factors whose values have no order.
CATEGORICAL = ("shape", "object_shape", "object_type", "category")


def r2_matrix(
    z: ArrayLike, factors: ArrayLike, categorical: Sequence[int] = ()
) -> NDArray:
    """Returns the share of variance that a latent and a factor explain of each other.

    For an ordered factor this is their squared correlation, the paper's form of SAP
    (the library's `sap_score.continuous_factors = True`). For a categorical one it is
    the correlation ratio, the share of the latent's variance that lies between the
    factor's values, which does not depend on how the values are numbered. A constant
    latent or factor scores 0.

    Args:
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        categorical: Numbers of the factors whose values have no order.

    Returns:
        [num_latent, num_factors] in [0, 1].

    Examples:
        >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> r2_matrix(factors, factors).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    z, factors = standardise(z), np.asarray(factors)
    ordered = standardise(factors)
    scores = (z.T @ ordered / len(z)) ** 2
    for j in categorical:
        _, group = np.unique(factors[:, j], return_inverse=True)
        counts = np.bincount(group)
        means = np.stack([np.bincount(group, latent) for latent in z.T]) / counts
        scores[:, j] = (means**2 * counts).sum(axis=1) / len(z)
    return np.minimum(scores, 1.0)


def mutual_information_matrix(
    z: ArrayLike, factors: ArrayLike, num_bins: int = 20
) -> NDArray:
    """Returns I(z_k; factor) of latents in bins of equal width, in nats.

    The paper's MIG form, and the library's (`histogram_discretizer`).

    Args:
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        num_bins: Bins between the smallest and the largest value of each latent.

    Returns:
        [num_latent, num_factors] in [0, log min(num_bins, number of values)].

    Examples:
        >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> mutual_information_matrix(factors, factors).round(3).tolist()
        [[0.693, 0.0], [0.0, 0.693]]
    """
    binned = discretise(z, num_bins)
    labels = [np.unique(factor, return_inverse=True)[1] for factor in factors.T]
    own = entropies(np.stack(labels, axis=1))
    joint = [
        [_entropy(np.bincount(latent + (num_bins + 1) * label)) for label in labels]
        for latent in binned.T
    ]
    return np.maximum(entropies(binned)[:, None] + own - np.array(joint), 0.0)


def discretise(z: ArrayLike, num_bins: int) -> NDArray:
    """Returns the numbers of the bins, 1 to num_bins, that codes fall into.

    As the library does it. A latent whose range is lost in its digits beside its mean
    is measured from its smallest value, or there would be no room for the bins.
    """
    z = np.asarray(z, dtype=np.float64)
    unresolved = np.ptp(z, axis=0) < 1e-12 * np.abs(z).max(axis=0)
    z = np.where(unresolved, z - z.min(axis=0), z)
    return np.stack(
        [np.digitize(x, np.histogram(x, num_bins)[1][:-1]) for x in z.T], axis=1
    )


def entropies(columns: ArrayLike) -> NDArray:
    """Returns the entropy of every column of discrete values, in nats."""
    counts = [np.unique(column, return_counts=True)[1] for column in columns.T]
    return np.array([_entropy(count) for count in counts])


def beyond_chance(
    score: Callable,
    z: ArrayLike,
    factors: ArrayLike,
    random: np.random.Generator,
    num_shuffles: int = 20,
) -> NDArray:
    """Returns scores less what chance gives, 0 where chance explains them.

    Chance is measured with shuffled images: a score counts if it exceeds their mean by
    three standard deviations, by its excess over the mean.

    Args:
        score: Function of z and factors, to [num_latent, num_factors].
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        random: `numpy.random.Generator`.
        num_shuffles: How often to shuffle.

    Returns:
        [num_latent, num_factors], >= 0.
    """
    null = [score(z, random.permutation(factors)) for _ in range(num_shuffles)]
    excess = score(z, factors) - np.mean(null, axis=0)
    return np.where(excess > 3.0 * np.std(null, axis=0, ddof=1), excess, 0.0)


def standardise(columns: ArrayLike) -> NDArray:
    """Returns columns of mean 0 and variance 1; a constant column becomes 0."""
    columns = np.asarray(columns, dtype=np.float64)
    varies = np.ptp(columns, axis=0) > 0
    # Divided by the range first, or the squares of tiny or huge values are 0 or inf.
    unit = (columns - columns.min(axis=0)) / np.where(
        varies, np.ptp(columns, axis=0), 1
    )
    unit = unit - unit.mean(axis=0)
    return np.where(varies, unit / np.where(varies, unit.std(axis=0), 1.0), 0.0)


def _entropy(counts):
    # scipy.stats.entropy takes longer to look at its arguments than all the rest.
    return special.entr(counts / counts.sum()).sum()
