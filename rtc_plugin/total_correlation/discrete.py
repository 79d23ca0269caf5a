# SPDX-License-Identifier: Apache-2.0
"""Entropy and total correlation of discrete latents, by counting.

The plug-in estimator puts relative frequencies into the formula; it is low by about
(m - 1) / (2n) for m values seen in n samples, which Miller [1] adds back. That is
enough while hardly any value is missing from the sample. The share of the law that is
in it is about 1 - (number of values seen once) / n (Good and Turing [2]), and on
independent latents the total correlation is high by about a nat times the share that
is not. A joint law of many latents soon has far more values than the sample has rows;
the plug-in then says log n whatever the law is. `knn` and `tree` count only where 99 %
of the law are in the sample.

#### References
[1] Miller. Note on the bias of information estimates. Information Theory in
    Psychology, 1955.
[2] Good. The population frequencies of species. Biometrika 40, 1953.
"""

import numpy as np
from numpy.typing import ArrayLike

from rtc_plugin.total_correlation import checks


def discrete_entropy(samples: ArrayLike) -> float:
    """Returns the joint entropy of discrete latents, in nats.

    Args:
        samples: [num_samples, num_latent] array of any numbers.

    Returns:
        Float >= 0: the plug-in plus (m - 1) / (2n), for m distinct rows.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    return _entropy(_row_counts(checks.matrix(samples, "samples")))


def discrete(samples: ArrayLike) -> float:
    """Returns the total correlation of discrete latents, in nats.

    The sum of the latents' entropies less their joint one, by `discrete_entropy`. Of
    two latents this is their mutual information.

    Args:
        samples: [num_samples, num_latent] array of any numbers.

    Returns:
        Float; slightly negative values are possible near independence. It means
        nothing where `coverage` is far below 1.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    samples = checks.matrix(samples, "samples")
    marginal = sum(_entropy(_row_counts(latent[:, None])) for latent in samples.T)
    return float(marginal - _entropy(_row_counts(samples)))


def coverage(samples: ArrayLike) -> float:
    """Returns the share of the joint law whose values are in the sample.

    Args:
        samples: [num_samples, num_latent] array of any numbers.

    Returns:
        1 - (number of rows that occur once) / n, in [0, 1]: near 1 a discrete law that
        n samples describe, 0 if no row occurs twice.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    counts = _row_counts(checks.matrix(samples, "samples"))
    return float(1.0 - np.count_nonzero(counts == 1) / counts.sum())


def counts_null(samples: ArrayLike, num_shuffles: int = 20) -> float:
    """Returns the mean of `discrete` over shuffles of a pair of latents.

    Args:
        samples: [num_samples, 2] array.
        num_shuffles: Number of shuffles; they are always the same.
    """
    random = np.random.default_rng(0)
    labels = [np.unique(latent, return_inverse=True)[1] for latent in samples.T]
    marginal = sum(_entropy(np.bincount(label)) for label in labels)
    joint = [
        _entropy(np.unique(rows, return_counts=True)[1])
        for rows in (
            labels[0] * len(samples) + random.permutation(labels[1])
            for _ in range(num_shuffles)
        )
    ]
    return marginal - np.mean(joint)


def _row_counts(samples):
    """Returns how often each distinct row occurs."""
    rows = np.zeros(len(samples), dtype=np.int64)
    for latent in samples.T:
        _, label = np.unique(latent, return_inverse=True)
        _, rows = np.unique(rows * len(samples) + label, return_inverse=True)
    return np.bincount(rows)


def _entropy(counts):
    share = counts / counts.sum()
    correction = (len(counts) - 1) / (2.0 * counts.sum())
    return float(correction - np.sum(share * np.log(share)))
