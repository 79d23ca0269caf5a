# SPDX-License-Identifier: Apache-2.0
"""Entropy and total correlation of discrete latents, by counting.

The plug-in estimator puts relative frequencies into the formula; it is low by about
(m - 1) / (2n) for m values seen in n samples, which Miller [1] adds back. That is
enough while hardly any value is missing from the sample. The share of the law that is
in it is about 1 - (number of values seen once) / n (Good and Turing [2]), and on
independent latents the total correlation is high by about a nat times the share that
is not. A joint law of many latents soon has far more values than the sample has rows;
the plug-in then says log n whatever the law is. `knn` and `tree` count only where 99 %
of the law are in the sample. Where less is, shrinking the frequencies towards equal
ones [3] errs towards independence and not towards log n.

#### References
[1] Miller. Note on the bias of information estimates. Information Theory in
    Psychology, 1955.
[2] Good. The population frequencies of species. Biometrika 40, 1953.
[3] Hausser, Strimmer. Entropy inference and the James-Stein estimator. JMLR 10, 2009.
    https://arxiv.org/abs/0811.3579
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rtc_plugin.total_correlation import checks

METHODS = ("plug_in", "miller_madow", "james_stein")
# A latent takes few values if they have so many rows each on average.
ROWS_PER_VALUE = 50


def discrete_entropy(samples: ArrayLike, method: str = "miller_madow") -> float:
    """Returns the joint entropy of discrete latents, in nats.

    Args:
        samples: [num_samples, num_latent] array of any numbers.
        method: "plug_in", relative frequencies in the formula; "miller_madow", which
            adds (m - 1) / (2n) for m distinct rows; or "james_stein", frequencies
            shrunk towards equal ones of all combinations of the latents' values, by as
            much as their errors suggest.

    Returns:
        Float >= 0.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows; unknown method.

    Examples:
        >>> print(f"{discrete_entropy([[0], [1]] * 500, 'plug_in'):.3f} nats")
        0.693 nats
    """
    samples = _check(samples, method)
    if method == "james_stein":
        return _shrunk(samples)[0]
    return _entropy(_row_counts(samples), method)


def discrete(samples: ArrayLike, method: str = "miller_madow") -> float:
    """Returns the total correlation of discrete latents, in nats.

    The sum of the latents' entropies less their joint one. Of two latents this is
    their mutual information.

    Args:
        samples: [num_samples, num_latent] array of any numbers.
        method: As `discrete_entropy`. By "james_stein" the latents' laws are those of
            the shrunk joint one.

    Returns:
        Float; by "miller_madow", slightly negative values are possible near
        independence. It means nothing where `coverage` is far below 1, but that
        "james_stein" is then low.

    Raises:
        ValueError: As `discrete_entropy`.
    """
    samples = _check(samples, method)
    if method == "james_stein":
        joint, *marginal = _shrunk(samples)
        return float(max(0.0, sum(marginal) - joint))
    marginal = sum(_entropy(_row_counts(z[:, None]), method) for z in samples.T)
    return float(marginal - _entropy(_row_counts(samples), method))


def _check(samples, method):
    if method not in METHODS:
        raise checks.InputError(f"method must be one of {METHODS}, got {method!r}.")
    return checks.matrix(samples, "samples")


def _shrunk(samples):
    """Returns the entropies of the shrunk joint law and of each latent under it.

    The joint law is (1 - s) frequencies + s / p over all p combinations of values, most
    of which nobody has seen; so are its marginals, over the values of one latent.
    """
    num_samples = len(samples)
    counts = [_row_counts(samples), *(_row_counts(z[:, None]) for z in samples.T)]
    sizes = [len(count) for count in counts[1:]]
    # Logarithms: of many latents there are more cells than a number holds.
    log_sizes = np.log(sizes)
    log_sizes = [log_sizes.sum(), *log_sizes]
    squares = np.sum((counts[0] / num_samples) ** 2)
    distance = (num_samples - 1) * (squares - np.exp(-log_sizes[0]))
    share = 1.0 if distance <= 0 else min(1.0, (1.0 - squares) / distance)
    entropies = []
    for count, log_size in zip(counts, log_sizes):
        law = (1.0 - share) * count / num_samples + share * np.exp(-log_size)
        unseen = max(0.0, -np.expm1(np.log(len(count)) - log_size))
        unseen = special.entr(share) * unseen + share * unseen * log_size
        entropies.append(float(special.entr(law).sum() + unseen))
    return entropies


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


def _entropy(counts, method="miller_madow"):
    share = counts / counts.sum()
    correction = (len(counts) - 1) / (2.0 * counts.sum())
    plug_in = -np.sum(share * np.log(share))
    return float(plug_in + (correction if method == "miller_madow" else 0.0))
