# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from scipy.sparse import csgraph

from rtc_plugin import total_correlation as tc

NUM_SAMPLES = 2000


def normal(random, num_latent):
    return random.standard_normal((NUM_SAMPLES, num_latent))


def gaussian_pair(random, information):
    """Two latents of the given mutual information."""
    rho = math.sqrt(-math.expm1(-2.0 * information))
    x, noise = normal(random, 2).T
    return np.stack([x, rho * x + math.sqrt(1 - rho**2) * noise], axis=1)


def checkerboard(random):
    """Uniform on the dark squares of a board of 4 x 4: log 2 nats."""
    column = random.integers(0, 4, NUM_SAMPLES)
    row = 2 * random.integers(0, 2, NUM_SAMPLES) + column % 2
    return np.stack([column, row], axis=1) + random.uniform(size=(NUM_SAMPLES, 2))


@pytest.mark.parametrize("seed", range(3))
def test_sees_one_dependent_pair_among_ten_latents(seed):
    random = np.random.default_rng(seed)
    cases = ((checkerboard(random), math.log(2)), (gaussian_pair(random, 3.0), 3.0))
    for pair, truth in cases:
        bound = tc.tree(np.concatenate([normal(random, 8), pair], axis=1))
        assert [edge[:2] for edge in bound.edges] == [(8, 9)]
        assert bound.value == bound.edges[0][2] == bound.information[8, 9]
        assert bound.value == pytest.approx(truth, rel=0.2)


def test_sums_the_edges_of_the_maximum_spanning_tree():
    random = np.random.default_rng(0)
    pairs = np.concatenate([gaussian_pair(random, 0.6) for _ in range(3)], axis=1)
    bound = tc.tree(pairs)
    assert sorted(edge[:2] for edge in bound.edges) == [(0, 1), (2, 3), (4, 5)]
    assert bound.value == pytest.approx(1.8, rel=0.06)
    # A chain: its tree has two edges, and the third pair's information is left out.
    x = normal(random, 1)
    chain = np.concatenate([x, x, x], axis=1) + 0.5 * normal(random, 3).cumsum(axis=1)
    bound = tc.tree(chain)
    assert len(bound.edges) == 2
    assert bound.value == pytest.approx(sum(edge[2] for edge in bound.edges))
    assert bound.value == pytest.approx(
        np.nansum(bound.information) / 2 - np.nanmin(bound.information)
    )


def test_agrees_with_the_spanning_tree_of_scipy():
    random = np.random.default_rng(0)
    samples = normal(random, 7) @ random.standard_normal((7, 7))
    bound = tc.tree(samples)
    strength = np.nan_to_num(bound.information)
    weights = np.triu(1.0 + strength.max() - strength, 1)
    expected = zip(*csgraph.minimum_spanning_tree(weights).nonzero())
    assert sorted(edge[:2] for edge in bound.edges) == sorted(expected)


def test_independence_scores_zero_and_p_values_are_uniform():
    bounds = [
        tc.tree(np.random.default_rng(s).standard_normal((100, 5)), 5, 99, s)
        for s in range(60)
    ]
    # 60 trials at a level of .05: the chance of more than 8 is .3 %.
    assert np.sum([bound.value > 0 for bound in bounds]) <= 8
    p_values = np.array([bound.p_value for bound in bounds])
    assert p_values.mean() == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 60))
    assert np.sum(p_values <= 0.1) <= 14
    assert np.isnan(tc.tree(np.random.default_rng(0).standard_normal((50, 2))).p_value)


def test_degenerate_latents():
    samples = normal(np.random.default_rng(0), 3)
    for few in (np.ones((9, 3)), samples[:, :1], samples[:2, :1]):
        bound = tc.tree(few, num_permutations=9)
        assert (bound.value, bound.p_value, bound.edges) == (0.0, 1.0, [])
        assert bound.information.shape == (few.shape[1],) * 2
    dead = np.insert(gaussian_pair(np.random.default_rng(0), 1.0), 1, 0.1, axis=1)
    bound = tc.tree(dead)
    assert [edge[:2] for edge in bound.edges] == [(0, 2)]
    assert bound.information[0, 1] == bound.information[1, 2] == 0.0
    for scale in (1e-12, [1e12, 1.0, 1e-12]):
        assert tc.tree(dead * scale).value == pytest.approx(bound.value, abs=1e-9)
    outlier = np.concatenate([dead, [[1e12, 0.1, -1e12]]])
    assert tc.tree(outlier).value == pytest.approx(bound.value, abs=0.05)
    single = tc.tree(dead.astype(np.float32)).value
    assert single == pytest.approx(bound.value, abs=0.01)
    copies = np.concatenate([samples, samples[:, :1]], axis=1)
    assert tc.tree(copies).value > 5.0
    assert tc.tree(samples[:11], num_permutations=9).value == 0.0


def test_bad_input():
    samples = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        tc.tree(samples, level=1.0)
    with pytest.raises(ValueError, match="num_permutations must be an integer >= 0"):
        tc.tree(samples, num_permutations=-1)
    with pytest.raises(ValueError, match="too few for num_neighbours=20"):
        tc.tree(samples, num_neighbours=20)
