# SPDX-License-Identifier: Apache-2.0
"""Comparing runs over strengths and seeds: intervals, ranks, improvement.

#### References
[1] Agarwal et al. Deep Reinforcement Learning at the Edge of the Statistical Precipice,
    NeurIPS 2021. https://arxiv.org/abs/2108.13264 (stratified bootstrap, probability of
    improvement)
"""

import numpy as np

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95


def resample_strata(strata, random, num_resamples=NUM_RESAMPLES):
    """Draws runs with replacement within each stratum.

    Args:
        strata: List of arrays, the values of each stratum.
        random: `numpy.random.Generator`.
        num_resamples: Number of resamples.

    Returns:
        [num_resamples, n] array of values, strata side by side.
    """
    return np.concatenate(
        [
            values[random.integers(len(values), size=(num_resamples, len(values)))]
            for values in map(np.asarray, strata)
        ],
        axis=1,
    )


def interval(resampled):
    """Returns the percentile interval of resampled statistics: (low, high)."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return float(low), float(high)


def mean(strata, random):
    """Estimates a mean over runs with its stratified-bootstrap interval [1].

    Args:
        strata: List of arrays; each run has the same weight.
        random: `numpy.random.Generator`.

    Returns:
        (mean, low, high); the interval is NaN if no stratum has two runs, since
        resampling one run knows no spread.
    """
    value = float(np.mean(np.concatenate(strata)))
    if max(map(len, strata)) < 2:
        return value, np.nan, np.nan
    return (value, *interval(resample_strata(strata, random).mean(axis=1)))


def difference(first, second, random):
    """Estimates the difference of two means, resampling both within their strata.

    Args:
        first: List of arrays.
        second: List of arrays.
        random: `numpy.random.Generator`.

    Returns:
        (difference, low, high); NaN as the bounds if either side has only single runs.
    """
    value = float(np.mean(np.concatenate(first)) - np.mean(np.concatenate(second)))
    if max(map(len, first)) < 2 or max(map(len, second)) < 2:
        return value, np.nan, np.nan
    resampled = resample_strata(first, random).mean(axis=1) - resample_strata(
        second, random
    ).mean(axis=1)
    return (value, *interval(resampled))


def paired_difference(differences, random):
    """Estimates a mean of differences between runs of the same seed.

    Args:
        differences: [n] array.
        random: `numpy.random.Generator`.

    Returns:
        (mean, low, high); NaN as the bounds for fewer than two pairs.
    """
    return mean([np.asarray(differences)], random)


def improvement(first, second):
    """Returns the probability that a run of the first beats one of the second [1].

    Args:
        first: [n] values, larger is better.
        second: [m] values.

    Returns:
        Share of the n x m pairs in which the first is larger, ties counting half.
    """
    first, second = np.asarray(first)[:, None], np.asarray(second)[None]
    return float(np.mean((first > second) + 0.5 * (first == second)))


def improvement_interval(first, second, random):
    """Returns `improvement` of strata with its stratified-bootstrap interval.

    Args:
        first: List of arrays, larger is better.
        second: List of arrays.
        random: `numpy.random.Generator`.

    Returns:
        (probability, low, high); NaN as the bounds as in `difference`.
    """
    value = improvement(np.concatenate(first), np.concatenate(second))
    if max(map(len, first)) < 2 or max(map(len, second)) < 2:
        return value, np.nan, np.nan
    # The mean over pairs, for all resamples at once, is slow for thousands of runs
    # and needs no more digits than a few hundred resamples give.
    draws = 400
    ours = resample_strata(first, random, draws)
    theirs = np.sort(resample_strata(second, random, draws), axis=1)
    resampled = [
        np.mean(
            np.searchsorted(b, a, side="left") + np.searchsorted(b, a, side="right")
        )
        / (2.0 * len(b))
        for a, b in zip(ours, theirs)
    ]
    return (value, *interval(resampled))


def rank(value, reference, higher_is_better=True):
    """Places a value among others.

    Args:
        value: Number.
        reference: [n] values, n >= 1.
        higher_is_better: Direction.

    Returns:
        (rank, quantile): 1 is the best of n + 1, equals share the better rank; the
        share of the reference that is worse, ties counting half.
    """
    reference = np.asarray(reference, dtype=float)
    if not higher_is_better:
        value, reference = -value, -reference
    better = int(np.count_nonzero(reference > value))
    equal = int(np.count_nonzero(reference == value))
    worse = len(reference) - better - equal
    return 1 + better, (worse + 0.5 * equal) / len(reference)
