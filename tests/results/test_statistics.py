# SPDX-License-Identifier: Apache-2.0
"""Intervals, ranks and probabilities against what is known exactly."""

import numpy as np
import pytest
from scipy import stats

from rtc_plugin.results import statistics


def random(seed=0):
    return np.random.default_rng(seed)


def test_resampling_stays_within_strata():
    resampled = statistics.resample_strata([[1.0, 2.0], [10.0]], random(), 500)
    assert resampled.shape == (500, 3)
    assert set(resampled[:, :2].ravel()) == {1.0, 2.0}
    assert set(resampled[:, 2]) == {10.0}


def test_interval_of_a_mean_agrees_with_scipy():
    values = random(1).normal(size=40)
    mean, low, high = statistics.mean([values], random())
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=2000,
        random_state=np.random.RandomState(0),
    ).confidence_interval
    assert mean == values.mean()
    # Quantiles of 2000 resamples have a standard error of about 5 % of the width.
    width = theirs.high - theirs.low
    assert abs(low - theirs.low) < 0.15 * width
    assert abs(high - theirs.high) < 0.15 * width


def test_interval_covers_the_mean_as_often_as_it_says():
    trials = 300
    covered = 0
    for seed in range(trials):
        draws = random(seed)
        strata = [draws.normal(loc, size=20) for loc in (0.0, 5.0)]
        _, low, high = statistics.mean(strata, draws)
        covered += low <= 2.5 <= high
    # The percentile bootstrap of 40 runs covers a little less than 95 %; 4 standard
    # errors of a share of 300 are 5 %.
    assert 0.88 < covered / trials <= 1.0


def test_strata_take_the_difference_between_strengths_out_of_the_interval():
    draws = random()
    strata = [draws.normal(loc, 0.1, size=10) for loc in (0.0, 10.0)]
    _, low, high = statistics.mean(strata, draws)
    _, mixed_low, mixed_high = statistics.mean([np.concatenate(strata)], draws)
    assert high - low < 0.2 < 2.0 < mixed_high - mixed_low


def test_single_runs_have_no_interval():
    value, low, high = statistics.mean([[1.0], [3.0]], random())
    assert value == 2.0 and np.isnan(low) and np.isnan(high)
    assert np.isnan(statistics.difference([[1.0]], [[2.0, 3.0]], random())[1])
    assert np.isnan(statistics.improvement_interval([[1.0]], [[2.0]], random())[1])


def test_one_single_run_leaves_a_spread_unknown():
    """Its stratum would be drawn the same each time: [0.50, 0.51] for these."""
    strata = [[0.1], [0.5, 0.52], [0.9]]
    value, low, high = statistics.mean(strata, random())
    assert value == pytest.approx(0.505) and np.isnan(low) and np.isnan(high)
    whole = [[0.1, 0.2], [0.5, 0.52]]
    for first, second in ((strata[:2], whole), (whole, strata[:2])):
        assert np.isnan(statistics.difference(first, second, random())[1])
        assert np.isnan(statistics.improvement_interval(first, second, random())[1])
    assert statistics.difference(whole, whole, random())[1] < 0


def test_difference_is_of_means():
    value, low, high = statistics.difference([[3.0, 5.0]], [[1.0, 1.0]], random())
    assert value == 3.0
    assert low >= 2.0 and high <= 4.0


@pytest.mark.parametrize(
    "first, second, expected",
    [([2, 3], [1], 1.0), ([1], [2, 3], 0.0), ([1], [1], 0.5), ([1, 3], [2, 3], 0.375)],
)
def test_improvement_counts_pairs(first, second, expected):
    assert statistics.improvement(first, second) == expected


def test_improvement_of_gaussians_is_the_closed_form():
    draws = random()
    first, second = draws.normal(0.5, size=2000), draws.normal(size=2000)
    value, low, high = statistics.improvement_interval([first], [second], draws)
    exact = stats.norm.cdf(0.5 / np.sqrt(2.0))
    # The standard error of the Mann-Whitney share at these sizes is 0.009.
    assert abs(value - exact) < 4 * 0.009
    assert low < exact < high


def test_improvement_is_averaged_within_tasks_and_not_pooled():
    """The reference's own steps: a Mann-Whitney statistic per task, and their mean."""
    first, second = [[1.0, 2.0], [11.0, 12.0]], [[3.0, 4.0], [13.0, 14.0]]
    assert statistics.improvement_interval(first, second, random())[0] == 0.0
    assert statistics.improvement(np.ravel(first), np.ravel(second)) == 0.25
    draws = random(2)
    first = [draws.normal(t, size=4).round(1) for t in range(3)]
    second = [draws.normal(t, size=5).round(1) for t in range(3)]
    theirs = [
        stats.mannwhitneyu(a, b, alternative="greater").statistic / 20
        for a, b in zip(first, second)
    ]
    found = statistics.improvement_interval(first, second, random())[0]
    assert found == pytest.approx(np.mean(theirs), abs=1e-15)


def test_tasks_weigh_the_same_however_many_runs_they_have():
    first, second = [[2.0] * 9, [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]
    found = statistics.improvement_interval(first, second, random())
    assert found == pytest.approx((0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="1 and 2 tasks"):
        statistics.improvement_interval(first[:1], second, random())
    only = statistics.improvement_interval(first, second, random(), [(0, 1)])
    assert only == pytest.approx((1.0, 1.0, 1.0))


def test_interval_of_an_improvement_is_that_of_its_resamples():
    draws = random(3)
    first = [draws.normal(0.3, size=6), draws.normal(0.0, size=9)]
    second = [draws.normal(size=7), draws.normal(size=5)]
    tasks = [(0, 0), (0, 1), (1, 1)]
    _, low, high = statistics.improvement_interval(first, second, random(), tasks)
    slow = []
    for _ in range(2000):
        ours = [draws.choice(values, len(values)) for values in first]
        theirs = [draws.choice(values, len(values)) for values in second]
        slow.append(np.mean([np.mean(ours[i][:, None] > theirs[j]) for i, j in tasks]))
    # As above, 5 % of the width is the standard error of either quantile.
    expected = np.quantile(slow, [0.025, 0.975])
    np.testing.assert_allclose([low, high], expected, atol=0.25 * np.ptp(expected))


@pytest.mark.parametrize(
    "value, up, expected",
    [
        (5.0, True, (1, 1.0)),
        (0.0, True, (5, 0.0)),
        (3.0, True, (2, 0.625)),  # the best but one; one equal counts half
        (0.0, False, (1, 1.0)),
        (2.0, False, (2, 0.625)),
    ],
)
def test_rank_one_is_the_best(value, up, expected):
    assert statistics.rank(value, [1.0, 2.0, 3.0, 4.0], up) == expected
