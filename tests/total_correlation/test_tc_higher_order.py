# SPDX-License-Identifier: Apache-2.0
"""Dual total correlation, O-information, blocks and pairs against closed forms."""

import itertools

import numpy as np
import pytest
from scipy import stats

from rtc_plugin import total_correlation as tc


def random_correlation(size, seed):
    factors = np.random.default_rng(seed).standard_normal((size, size + 2))
    covariance = factors @ factors.T
    scale = np.sqrt(np.diag(covariance))
    return covariance / scale / scale[:, None]


def entropy(covariance):
    return stats.multivariate_normal(cov=np.atleast_2d(covariance)).entropy()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_all_three_are_sums_of_gaussian_entropies(size):
    corr = random_correlation(size, size)
    joint = entropy(corr)
    alone = sum(entropy(1.0) for _ in range(size))
    rest = [np.delete(np.delete(corr, k, 0), k, 1) for k in range(size)]
    conditional = sum(joint - entropy(r) for r in rest)
    found = tc.gaussian_dependence(corr)
    assert found.total_correlation == pytest.approx(alone - joint, abs=1e-10)
    assert found.dual_total_correlation == pytest.approx(joint - conditional, abs=1e-10)
    expected = alone - joint - (joint - conditional)
    assert found.o_information == pytest.approx(expected, abs=1e-10)


def test_equal_correlations_have_a_closed_form():
    size, rho = 6, 0.4
    corr = np.full((size, size), rho) + (1 - rho) * np.eye(size)
    log_determinant = (size - 1) * np.log(1 - rho) + np.log(1 + (size - 1) * rho)
    precision = (1 + (size - 2) * rho) / ((1 - rho) * (1 + (size - 1) * rho))
    found = tc.gaussian_dependence(corr)
    assert found.total_correlation == pytest.approx(-0.5 * log_determinant)
    dual = 0.5 * (log_determinant + size * np.log(precision))
    assert found.dual_total_correlation == pytest.approx(dual)


def test_copies_of_one_thing_are_redundant_and_a_sum_is_synergy():
    common = tc.gaussian_dependence(np.full((3, 3), 0.9) + 0.1 * np.eye(3))
    assert common.o_information > 0.1
    # The third is the sum of two independent ones, and a little noise.
    covariance = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.1]])
    scale = np.sqrt(np.diag(covariance))
    assert tc.gaussian_dependence(covariance / scale / scale[:, None]).o_information < 0


def test_thousands_of_subsets_are_what_each_is_alone():
    corr = random_correlation(14, 0)
    subsets = np.array(list(itertools.combinations(range(14), 5)))
    found = tc.gaussian_dependence(corr, subsets)
    assert found.o_information.shape == (2002,)
    for number in (0, 1000, 2001):
        subset = subsets[number]
        alone = tc.gaussian_dependence(corr[np.ix_(subset, subset)])
        for one, many in zip(alone, found):
            assert many[number] == pytest.approx(one, abs=1e-12)
        expected = tc.gaussian_from_covariance(corr[np.ix_(subset, subset)])
        assert found.total_correlation[number] == pytest.approx(expected, abs=1e-10)


def test_independent_latents_have_none_and_copies_infinitely_much():
    assert tc.gaussian_dependence(np.eye(4)) == (0.0, 0.0, 0.0)
    copies = tc.gaussian_dependence([[1.0, 1.0], [1.0, 1.0]])
    assert copies[:2] == (np.inf, np.inf) and np.isnan(copies.o_information)
    assert tc.gaussian_dependence([[1.0]]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("blocks", [[[0, 1], [2, 3, 4]], [[0], [1, 3], [4, 2]]])
def test_between_blocks_is_a_difference_of_entropies(blocks):
    corr = random_correlation(5, 1)
    order = np.concatenate(blocks)
    parts = sum(entropy(corr[np.ix_(b, b)]) for b in blocks)
    expected = parts - entropy(corr[np.ix_(order, order)])
    assert tc.between_blocks(corr, blocks) == pytest.approx(expected, abs=1e-10)


def test_between_blocks_minds_what_is_shared_between_them_alone():
    corr = random_correlation(4, 2)
    each = tc.between_blocks(corr, [[k] for k in range(4)])
    assert each == pytest.approx(tc.gaussian_dependence(corr).total_correlation)
    assert tc.between_blocks(corr, [[0, 1, 2, 3]]) == 0.0
    # A copy within a block tells the other block nothing new.
    copied = corr[np.ix_([0, 0, 1, 2, 3], [0, 0, 1, 2, 3])]
    with_copy = tc.between_blocks(copied, [[0, 1, 2], [3, 4]])
    without = tc.between_blocks(corr, [[0, 1], [2, 3]])
    assert with_copy == pytest.approx(without, abs=1e-8)
    assert tc.between_blocks(copied, [[0, 2], [1, 3]]) == np.inf


def test_samples_give_what_their_law_has():
    corr = random_correlation(4, 3)
    z = np.random.default_rng(0).multivariate_normal(np.zeros(4), corr, 20_000)
    exact = tc.gaussian_dependence(corr)
    for warped, scores in ((z, False), (np.exp(3 * z), True)):
        found = tc.gaussian_dependence(tc.correlation(warped, scores))
        for one, other in zip(found, exact):
            assert one == pytest.approx(other, abs=0.04)
    assert tc.gaussian_dependence(tc.correlation(z)).total_correlation == (
        pytest.approx(tc.gaussian(z), abs=1e-10)
    )
    with_constant = np.column_stack([z, np.ones(len(z))])
    assert tc.correlation(with_constant)[4].tolist() == [0, 0, 0, 0, 1]


def test_pairwise_p_values_are_uniform_where_nothing_depends():
    p_values = []
    for seed in range(300):
        z = np.random.default_rng(seed).standard_normal((30, 2))
        p_values.append(tc.pairwise_gaussian(z).p_value[0, 1])
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_pairwise_values_are_pearsons():
    z = np.random.default_rng(0).standard_normal((200, 3)) @ np.triu(np.ones((3, 3)))
    found = tc.pairwise_gaussian(z)
    r, p_value = stats.pearsonr(z[:, 0], z[:, 2])
    assert found.value[0, 2] == pytest.approx(-0.5 * np.log(1 - r**2))
    assert found.p_value[0, 2] == pytest.approx(p_value)
    assert np.isnan(np.diag(found.value)).all()
    constant = tc.pairwise_gaussian(np.column_stack([z[:, 0], np.ones(200)]))
    assert (constant.value[0, 1], constant.p_value[0, 1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (tc.gaussian_dependence, (np.ones((2, 3)),)),
        (tc.gaussian_dependence, (np.diag([1.0, 2.0]),)),
        (tc.gaussian_dependence, ([[1.0, 2.0], [2.0, 1.0]],)),
        (tc.gaussian_dependence, (np.eye(3), [[0, 3]])),
        (tc.gaussian_dependence, (np.eye(3), [[0, 0]])),
        (tc.gaussian_dependence, (np.eye(3), [0, 1])),
        (tc.between_blocks, (np.eye(3), [[0], [0, 1]])),
        (tc.between_blocks, (np.eye(3), [[0], []])),
        (tc.pairwise_gaussian, (np.ones((2, 2)),)),
    ],
)
def test_what_makes_no_sense_is_refused(function, arguments):
    with pytest.raises(tc.InputError):
        function(*arguments)
