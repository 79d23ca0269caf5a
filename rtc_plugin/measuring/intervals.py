# SPDX-License-Identifier: Apache-2.0
"""Intervals of scores over images, by half-samples.

The bootstrap proper draws n rows with replacement, so that a third of them are copies.
Copies break what this package measures with: nearest neighbours (`knn`, the tree,
pairs, disintegration, conditional independence, InfoMEC) find them at distance 0 and
take them for dependence; the boosted trees, SVMs and regressions of DCI, SAP,
explicitness and the downstream tasks are tested on rows that they have learnt; and
mutual information by counting (MIG and its variants) has its upward bias twice.

So each resample here is a random half of the rows, without replacement. Given the rows,
the variance of a mean over n/2 of n is s^2 (2/n - 1/n) = s^2/n, that of the mean over
all of them: no rescaling is needed, and the same holds to first order for any smooth
statistic (the delete-half jackknife [1]). A score of half the rows may have another
bias than that of all, so the spread is taken about its own mean; the ends are

    score + (quantile - mean) of the scores of the halves,   at 2.5 % and 97.5 %.

It says how much another sample of images would change the score; not how much another
training of the model would, and not the bias of an estimator.

#### References
[1] Shao, Wu. A general theory for jackknife variance estimation. Annals of Statistics
    17, 1989.
"""

import joblib
import numpy as np
import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.measures.results import estimating
from rtc_plugin.measuring import registry, suite

LEVEL = 0.95


def interval(value, of_halves):
    """Returns the ends of a score's interval.

    Args:
        value: The score of all rows.
        of_halves: [num_resamples] scores of random halves of the rows.

    Returns:
        (low, high).
    """
    of_halves = np.asarray(of_halves, dtype=np.float64)
    tails = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]
    low, high = value + np.quantile(of_halves, tails) - of_halves.mean()
    return float(low), float(high)


def half(num_rows, seed, number):
    """Returns which rows are in a resample, [num_rows // 2] in random order."""
    return np.random.RandomState([seed, number]).permutation(num_rows)[: num_rows // 2]


def compute(arrays, results, num_resamples, seed=0, n_jobs=None):
    """Computes the intervals of all scores.

    Args:
        arrays: `Arrays` that the scores are of.
        results: Dictionary from metrics to their results.
        num_resamples: Half-samples of the rows, 20 or more; each takes about half of
            the metric's own time.
        seed: Seed of the halves, and of the metrics.
        n_jobs: Processes, as joblib counts them.

    Returns:
        Dictionary from scores to (low, high), or to a sentence that says why there is
        none.

    Raises:
        UserError: Fewer than 20 resamples.
    """
    if num_resamples < 20:
        raise UserError(
            f"bootstrap: {num_resamples} resamples are too few for 95 % intervals; "
            "give 200, or 0 for no intervals."
        )
    found = {}
    bar = tqdm.tqdm(results, desc="intervals", unit="metric", disable=None)
    for name in bar:
        bar.set_description(f"intervals, {name}")
        scores = [s for s in registry.SCORES.values() if s.metric == name]
        if suite.METRICS[name].needs == suite.SAMPLER:
            reason = "no interval: it is of images drawn anew, not of the rows"
            found.update((score.name, reason) for score in scores)
            continue
        rows = suite.rows_of(name, arrays)._replace(sampler=None)
        halves = joblib.Parallel(n_jobs=n_jobs)(
            joblib.delayed(_of_half)(name, rows, seed, number)
            for number in range(num_resamples)
        )
        for score in scores:
            found[score.name] = _judge(score, results[name], halves)
    return found


def _of_half(name, rows, seed, number):
    """Returns the results of a metric on a half, or why there are none."""
    part = rows.select(half(len(rows.rows), seed, number))
    try:
        with estimating(name):
            return suite.METRICS[name].compute(part, seed, **suite.METRICS[name].light)
    except UserError as error:
        return str(error)


def _judge(score, results, halves):
    value = results.get(score.key)
    if value is None:
        return ""
    refused = next((found for found in halves if isinstance(found, str)), None)
    if refused:
        return f"no interval: of half of the rows, {refused}"
    values = [found.get(score.key) for found in halves]
    if any(item is None for item in values):
        return "no interval: it cannot be had of every half of the rows"
    ends = interval(value, values)
    return tuple(float(np.clip(end, *score.range)) for end in ends)
