# SPDX-License-Identifier: Apache-2.0
"""Comparing runs over strengths and seeds: intervals, ranks, improvement.

#### References
[1] Agarwal et al. Deep Reinforcement Learning at the Edge of the Statistical Precipice,
    NeurIPS 2021. https://arxiv.org/abs/2108.13264 (stratified bootstrap, probability of
    improvement)
"""

from collections.abc import Sequence
from typing import Optional

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95


def resample_strata(
    strata: Sequence[ArrayLike],
    random: np.random.Generator,
    num_resamples: int = NUM_RESAMPLES,
) -> NDArray:
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


def interval(resampled: ArrayLike) -> tuple[float, float]:
    """Returns the percentile interval of resampled statistics: (low, high)."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return float(low), float(high)


def know_spread(*sides: Sequence[ArrayLike]) -> bool:
    """Tells whether all strata of all sides have the two runs that a spread takes.

    A stratum with one run is drawn the same in each resample, as if its seed had no
    influence at all: the interval would be too narrow, down to nothing.
    """
    return min(len(values) for strata in sides for values in strata) >= 2


def mean(
    strata: Sequence[ArrayLike], random: np.random.Generator
) -> tuple[float, float, float]:
    """Estimates a mean over runs with its stratified-bootstrap interval [1].

    Args:
        strata: List of arrays; each run has the same weight.
        random: `numpy.random.Generator`.

    Returns:
        (mean, low, high); NaN as the bounds unless all strata `know_spread`.
    """
    value = float(np.mean(np.concatenate(strata)))
    if not know_spread(strata):
        return value, np.nan, np.nan
    return (value, *interval(resample_strata(strata, random).mean(axis=1)))


def difference(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], random: np.random.Generator
) -> tuple[float, float, float]:
    """Estimates the difference of two means, resampling both within their strata.

    Args:
        first: List of arrays.
        second: List of arrays.
        random: `numpy.random.Generator`.

    Returns:
        (difference, low, high); NaN as the bounds unless all strata `know_spread`.
    """
    value = float(np.mean(np.concatenate(first)) - np.mean(np.concatenate(second)))
    if not know_spread(first, second):
        return value, np.nan, np.nan
    resampled = resample_strata(first, random).mean(axis=1) - resample_strata(
        second, random
    ).mean(axis=1)
    return (value, *interval(resampled))


def paired_difference(
    differences: ArrayLike, random: np.random.Generator
) -> tuple[float, float, float]:
    """Estimates a mean of differences between runs of the same seed.

    Args:
        differences: [n] array.
        random: `numpy.random.Generator`.

    Returns:
        (mean, low, high); NaN as the bounds for fewer than two pairs.
    """
    return mean([np.asarray(differences)], random)


def improvement(first: ArrayLike, second: ArrayLike) -> float:
    """Returns the probability that a run of the first beats one of the second [1].

    Args:
        first: [n] values, larger is better.
        second: [m] values.

    Returns:
        Share of the n x m pairs in which the first is larger, ties counting half: the
        Mann-Whitney statistic over n m.
    """
    # The asymptotic p-value is the quicker one; it is not used.
    test = scipy.stats.mannwhitneyu(first, second, method="asymptotic")
    return float(test.statistic) / (len(first) * len(second))


def improvement_interval(
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    random: np.random.Generator,
    tasks: Optional[Sequence] = None,
) -> tuple[float, float, float]:
    """Averages `improvement` over tasks, with its stratified-bootstrap interval [1].

    Runs are compared within a task and never across tasks, and each task has the same
    weight, however many runs it has.

    Args:
        first: List of arrays, a stratum each; larger is better.
        second: List of arrays.
        random: `numpy.random.Generator`.
        tasks: List of (i, j): stratum i of the first and j of the second are a task.
            By default (0, 0), (1, 1), ..., for lists of equal length.

    Returns:
        (probability, low, high); NaN as the bounds unless all strata that are part of a
        task `know_spread`.

    Raises:
        ValueError: No tasks are given, and the lists are not equally long.
    """
    if tasks is None:
        if len(first) != len(second):
            raise ValueError(f"{len(first)} and {len(second)} tasks; which are which?")
        tasks = [(i, i) for i in range(len(first))]
    value = float(np.mean([improvement(first[i], second[j]) for i, j in tasks]))
    if not all(know_spread([first[i], second[j]]) for i, j in tasks):
        return value, np.nan, np.nan
    # How much each pair of runs adds to the mean: a resample's value is the sum over
    # the pairs, each as often as it was drawn.
    shares = np.zeros((sum(map(len, first)), sum(map(len, second))))
    rows, columns = _slices(first), _slices(second)
    for i, j in tasks:
        ours, theirs = np.asarray(first[i])[:, None], np.asarray(second[j])[None]
        wins = (ours > theirs) + 0.5 * (ours == theirs)
        shares[rows[i], columns[j]] = wins / (wins.size * len(tasks))
    resampled = np.einsum(
        "rn,rn->r", _draw_counts(first, random) @ shares, _draw_counts(second, random)
    )
    return (value, *interval(resampled))


def _slices(strata):
    """Returns where each stratum lies when they stand side by side."""
    ends = np.cumsum([len(values) for values in strata])
    return [slice(end - len(values), end) for end, values in zip(ends, strata)]


def _draw_counts(strata, random):
    """Returns how often each run is drawn, [NUM_RESAMPLES, n], strata side by side."""
    sizes = [len(values) for values in strata]
    return np.concatenate(
        [random.multinomial(n, np.full(n, 1 / n), NUM_RESAMPLES) for n in sizes], axis=1
    ).astype(float)


def rank(
    value: float, reference: ArrayLike, higher_is_better: bool = True
) -> tuple[int, float]:
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
