# SPDX-License-Identifier: Apache-2.0
"""Intervals by half-samples hold the truth as often as they say."""

import numpy as np
import pytest

from rtc_plugin import measure
from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.measures import mig_variants
from rtc_plugin.measuring import intervals

RHO = 0.6
TRUTH = -0.5 * np.log(1 - RHO**2)


def draw(seed, num_rows):
    corr = [[1.0, RHO], [RHO, 1.0]]
    random = np.random.default_rng(seed)
    return random.multivariate_normal(np.zeros(2), corr, num_rows)


def covers(statistic, z, truth, num_resamples=80):
    halves = [
        statistic(z[intervals.half(len(z), 0, number)])
        for number in range(num_resamples)
    ]
    low, high = intervals.interval(statistic(z), halves)
    return low < truth < high, (low, high)


@pytest.mark.parametrize(
    "statistic", [tc.gaussian, lambda z: tc.knn(z, 10)], ids=["gaussian", "knn"]
)
def test_the_truth_is_inside_in_about_95_of_100_samples(statistic):
    hits = [
        covers(statistic, draw(seed, 300), TRUTH, num_resamples=40)[0]
        for seed in range(50)
    ]
    # Three standard errors of 50 samples below; quantiles of 40 resamples are narrow.
    assert 0.83 < np.mean(hits)


def test_copies_would_be_taken_for_dependence():
    z = draw(0, 400)
    copies = z[np.random.default_rng(0).integers(400, size=400)]
    copies = copies + 1e-9 * np.random.default_rng(1).standard_normal(copies.shape)
    assert tc.knn(copies) > TRUTH + 0.3
    inside, (low, high) = covers(tc.knn, z, TRUTH)
    assert inside and high - low < 0.4


def test_a_share_by_counting_is_not_shifted_by_its_bias():
    random = np.random.default_rng(0)
    factors = random.integers(5, size=(300, 2))
    z = factors + 0.8 * random.standard_normal((300, 2))
    rows = np.concatenate([z, factors], axis=1)

    def mig(rows):
        return mig_variants(rows[:, :2], rows[:, 2:].astype(int))["mig"]

    low, high = covers(mig, rows, 0.0)[1]
    # Half of the rows have a higher one; the interval is about that of all.
    assert low < mig(rows) < high
    assert abs(0.5 * (low + high) - mig(rows)) < 0.3 * (high - low)


def test_a_report_has_them_whatever_the_number_of_processes():
    random = np.random.default_rng(0)
    factors = random.integers(4, size=(500, 2))
    z = factors @ random.standard_normal((2, 3)) + random.standard_normal((500, 3))
    metrics = ("tc_disparity", "mig", "dci", "discriminator_mean")
    arguments = dict(logvar=np.full(z.shape, -2.0), metrics=metrics[:3], bootstrap=20)
    report = measure(z, factors, **arguments)
    again = measure(z, factors, n_jobs=2, **arguments)
    assert report.intervals == again.intervals
    for name in ("tc_mean", "tc_gap", "mig", "dci_disentanglement"):
        found = report.scores[name]
        assert found.low < found.high and found.low <= found.value <= found.high
    assert "[" in str(report).split("tc_mean")[1][:40]
    assert np.isfinite(report.to_frame().set_index("score").loc["mig", "low"])


def test_where_there_is_none_it_is_said_why():
    z = np.random.default_rng(0).standard_normal((300, 3))
    report = measure(z, metrics="tc_nongaussian", bootstrap=20)
    assert report.scores["knn_mean"].low is None
    assert "of half of the rows" in report.scores["knn_mean"].reason
    sizes = np.stack(np.unravel_index(np.arange(24), (4, 3, 2)), axis=1)
    report = measure(sizes.astype(float), sizes, metrics="factor_vae", bootstrap=20)
    assert "drawn anew" in report.scores["factor_vae"].reason
    with pytest.raises(UserError, match="bootstrap: 3 resamples are too few"):
        measure(z, metrics="tc_disparity", bootstrap=3)
