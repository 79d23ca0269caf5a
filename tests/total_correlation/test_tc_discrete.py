# SPDX-License-Identifier: Apache-2.0
"""Counting, and neighbours on latents with ties, against enumerated laws."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from rtc_plugin import total_correlation as tc

NUM_SAMPLES = 4000
NUM_SEEDS = 4


def total_correlation(joint):
    """TC of a law given as an array of probabilities, one axis per latent."""
    axes = range(joint.ndim)
    marginals = [joint.sum(axis=tuple(a for a in axes if a != k)) for k in axes]
    return sum(stats.entropy(m) for m in marginals) - stats.entropy(joint.ravel())


def draw(joint, seed, num_samples=NUM_SAMPLES):
    cells = np.random.default_rng(seed).choice(
        joint.size, size=num_samples, p=joint.ravel()
    )
    return np.stack(np.unravel_index(cells, joint.shape), axis=1)


def chain(num_latent, num_levels, stay):
    """A Markov chain that keeps its level with probability `stay`, else draws anew."""
    step = np.full((num_levels, num_levels), (1 - stay) / num_levels)
    step[np.diag_indices(num_levels)] += stay
    joint = np.full(num_levels, 1.0 / num_levels)
    for _ in range(num_latent - 1):
        joint = joint[..., None] * step
    return joint


def check(estimate, sampler, truth, relative=0.0):
    """Compares the mean over seeds with the truth, by its standard error."""
    values = [estimate(sampler(seed)) for seed in range(NUM_SEEDS)]
    error = np.std(values, ddof=1) / math.sqrt(NUM_SEEDS)
    assert abs(np.mean(values) - truth) < 4 * error + relative * truth + 0.01


COVERED = {
    "a pair of ten levels": chain(2, 10, 0.6),
    "independent": chain(3, 5, 0.0),
    "six binary latents": chain(6, 2, 0.7),
    "a copy": chain(2, 12, 1.0),
    "parity": np.array([[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]]),
}


@pytest.mark.parametrize("joint", COVERED.values(), ids=COVERED)
@pytest.mark.parametrize("estimate", [tc.discrete, tc.knn], ids=["discrete", "knn"])
def test_counts_what_the_sample_covers(joint, estimate):
    check(estimate, lambda seed: draw(joint, seed), total_correlation(joint))


def test_knn_counts_whatever_the_numbering_and_says_the_same():
    samples = draw(chain(3, 4, 0.5), 0)
    names = np.array([3.5, -1e12, 1e-12, 7.0])
    assert tc.knn(samples) == tc.discrete(samples)
    assert tc.knn(names[samples]) == pytest.approx(tc.knn(samples), abs=1e-12)


# More cells than rows: counting says several nats of each.
UNCOVERED = {
    "five independent latents of ten levels": (chain(5, 10, 0.0), 0.0),
    "three latents of twenty levels": (chain(3, 20, 0.6), 0.12),
    "twelve binary latents, independent": (chain(12, 2, 0.0), 0.0),
}


@pytest.mark.parametrize("joint, relative", UNCOVERED.values(), ids=UNCOVERED)
def test_neighbours_take_over_where_counting_fails(joint, relative):
    truth = total_correlation(joint)
    check(tc.knn, lambda seed: draw(joint, seed), truth, relative)
    assert tc.discrete(draw(joint, 0)) > truth + 0.1


def binary_and_normal(seed):
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, NUM_SAMPLES)
    return np.stack([label, 2 * label + random.standard_normal(NUM_SAMPLES)], axis=1)


def rounded(seed, num_levels=10, rho=0.8):
    """A bivariate normal, the first of which is cut into equally likely levels."""
    samples = np.random.default_rng(seed).multivariate_normal(
        [0, 0], [[1, rho], [rho, 1]], NUM_SAMPLES
    )
    cuts = stats.norm.ppf(np.arange(1, num_levels) / num_levels)
    samples[:, 0] = np.digitize(samples[:, 0], cuts)
    return samples


def spike(seed, rho=0.8):
    """A bivariate normal, the first of which is cut off at 0 (a rectified latent)."""
    samples = np.random.default_rng(seed).multivariate_normal(
        [0, 0], [[1, rho], [rho, 1]], NUM_SAMPLES
    )
    samples[:, 0] = np.maximum(samples[:, 0], 0.0)
    return samples


def information_of_mixed_pairs():
    """The informations of the three laws above, by quadrature."""
    y = np.linspace(-9.0, 11.0, 20001)
    dy = y[1] - y[0]
    mixture = 0.5 * stats.norm.pdf(y) + 0.5 * stats.norm.pdf(y - 2)
    of_binary = np.sum(special.entr(mixture)) * dy - 0.5 * np.log(2 * np.pi * np.e)
    rho, spread, density = 0.8, 0.6, stats.norm.pdf(y) * dy
    cuts = stats.norm.ppf(np.arange(11) / 10)
    given_y = np.diff(stats.norm.cdf((cuts - rho * y[:, None]) / spread), axis=1)
    of_rounded = np.sum(density[:, None] * special.xlogy(given_y, 10 * given_y))
    # Below 0 the sign is all that is left; above, I(x; y) pointwise.
    below = stats.norm.cdf(-rho * y / spread)
    x = np.linspace(0.0, 9.0, 2001)[1:, None]
    dx, few = x[1] - x[0], y[::10]
    conditional = stats.norm.pdf(x, rho * few, spread)
    log_ratio = np.log(np.maximum(conditional, 1e-300)) - stats.norm.logpdf(x)
    above = np.sum(conditional * log_ratio * dx, axis=0)
    of_spike = np.sum(density * special.xlogy(below, 2 * below))
    of_spike += np.sum(stats.norm.pdf(few) * 10 * dy * above)
    return of_binary, of_rounded, of_spike


def test_mixed_pairs():
    samplers = (binary_and_normal, rounded, spike)
    for sampler, truth in zip(samplers, information_of_mixed_pairs()):
        check(tc.knn, sampler, truth, 0.03)
        check(
            lambda z: tc.pairwise_mutual_information(z).value[0, 1],
            sampler,
            truth,
            0.03,
        )
        check(lambda z: tc.tree(z).value, sampler, truth, 0.05)


def test_the_permutation_test_keeps_its_level_on_discrete_and_mixed_latents():
    joints = (chain(2, 10, 0.0), chain(4, 10, 0.0))
    for joint, with_normal in itertools.product(joints, (False, True)):
        p_values = []
        for seed in range(25):
            samples = draw(joint, seed, 150)
            if with_normal:
                noise = np.random.default_rng(99 + seed).standard_normal((150, 1))
                samples = np.concatenate([samples, noise], axis=1)
            p_values.append(tc.knn_permutation_test(samples, 3, 19, seed).p_value)
        # The chance of more than 7 of 25 at a level of 0.1 is 0.2 %.
        assert np.sum(np.array(p_values) <= 0.1) <= 7
        assert np.mean(p_values) == pytest.approx(0.525, abs=4 * 0.29 / 5)


def test_ties_are_not_broken_by_the_numbers_behind_the_samples():
    for seed in range(4):
        values = np.random.default_rng(seed).random((NUM_SAMPLES, 3))
        samples = np.floor(30 * values)
        assert abs(tc.knn(samples, random_state=seed)) < 0.06


def test_the_tree_of_discrete_latents():
    joint = chain(4, 6, 0.5)
    check(
        lambda z: tc.tree(z).value, lambda s: draw(joint, s), total_correlation(joint)
    )
    edges = tc.tree(draw(joint, 0)).edges
    assert sorted(edge[:2] for edge in edges) == [(0, 1), (1, 2), (2, 3)]
    # Too many for counting and for neighbours alike, but not for pairs.
    joint = chain(12, 2, 0.5)
    bound = tc.tree(draw(joint, 0))
    assert bound.value == pytest.approx(total_correlation(joint), rel=0.05)
    # Binary, many-level and rare-valued latents, all independent.
    bounds = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        samples = [
            random.integers(0, 2, 1000),
            random.integers(0, 12, 1000),
            random.random(1000) < 0.01,
            random.geometric(0.3, 1000),
            random.standard_normal(1000),
        ]
        bounds.append(tc.tree(np.stack(samples, axis=1), 10, 99, seed))
    assert np.sum([bound.value > 0 for bound in bounds]) <= 7
    assert np.sum([bound.p_value <= 0.1 for bound in bounds]) <= 10
    assert np.mean([bound.p_value for bound in bounds]) == pytest.approx(0.5, abs=0.19)


def test_entropy_with_and_without_the_correction():
    truth = math.log(50)
    values = [
        tc.discrete_entropy(np.random.default_rng(s).integers(0, 50, (500, 1)))
        for s in range(20)
    ]
    assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / 20**0.5)
    # The plug-in is low by 49 / 1000, far more than that.
    assert np.std(values) / 20**0.5 < 0.005
    assert tc.discrete_entropy(np.ones((9, 2))) == 0.0
    assert tc.coverage([[0], [0], [1], [2]]) == 0.5
    assert tc.discrete(np.ones((9, 2))) == tc.discrete(np.arange(9.0)[:, None]) == 0.0


def shrunk_by_enumeration(samples):
    """James-Stein's law as a table of all cells, as its paper writes it."""
    labels = [np.unique(z, return_inverse=True)[1] for z in np.transpose(samples)]
    sizes = [label.max() + 1 for label in labels]
    counts = np.zeros(sizes)
    np.add.at(counts, tuple(labels), 1)
    n, law = len(samples), counts / len(samples)
    target = 1.0 / law.size
    share = (1.0 - (law**2).sum()) / ((n - 1) * ((target - law) ** 2).sum())
    share = min(1.0, max(0.0, share))
    return share * target + (1.0 - share) * law


@pytest.mark.parametrize("num_samples", [5, 40, 1000])
def test_james_stein_is_the_enumeration_of_its_law(num_samples):
    random = np.random.default_rng(num_samples)
    a = random.integers(4, size=num_samples)
    samples = np.stack([a, (a + random.integers(2, size=num_samples)) % 4, a // 2], 1)
    law = shrunk_by_enumeration(samples)
    found = tc.discrete(samples, "james_stein")
    assert found == pytest.approx(total_correlation(law), abs=1e-12)
    joint = -(law[law > 0] * np.log(law[law > 0])).sum()
    assert tc.discrete_entropy(samples, "james_stein") == pytest.approx(joint)


def test_plug_in_is_the_enumeration_of_the_frequencies():
    samples = np.random.default_rng(0).integers([3, 4], size=(50, 2))
    law = np.zeros((3, 4))
    np.add.at(law, tuple(samples.T), 1 / 50)
    assert tc.discrete(samples, "plug_in") == pytest.approx(total_correlation(law))


def test_of_few_samples_miller_madow_and_james_stein_err_less_than_the_plug_in():
    law = np.random.default_rng(1).dirichlet(np.full(36, 0.5)).reshape(6, 6)
    exact = total_correlation(law)
    errors = {"plug_in": [], "miller_madow": [], "james_stein": []}
    for seed in range(100):
        cells = np.random.default_rng(seed).choice(36, 80, p=law.ravel())
        samples = np.stack(np.unravel_index(cells, (6, 6)), axis=1)
        for method, found in errors.items():
            found.append(tc.discrete(samples, method) - exact)
    squared = {method: np.mean(np.square(e)) for method, e in errors.items()}
    assert squared["miller_madow"] < squared["plug_in"]
    assert abs(np.mean(errors["miller_madow"])) < abs(np.mean(errors["plug_in"]))


def test_of_more_cells_than_a_number_holds_james_stein_is_low():
    samples = np.random.default_rng(0).integers(200, size=(500, 200))
    assert tc.discrete(samples, "plug_in") > 100
    assert tc.discrete(samples, "james_stein") == 0.0  # No row occurs twice.
    twice = np.concatenate([samples, samples])
    assert 0 < tc.discrete(twice, "james_stein") < tc.discrete(twice, "plug_in")


@pytest.mark.parametrize("seed", range(3))
def test_quantised_latents_have_what_enumeration_says(seed):
    # A code book of three latents with 5, 4 and 3 levels that depend on each other.
    random = np.random.default_rng(seed)
    law = random.dirichlet(np.full(60, 0.5)).reshape(5, 4, 3)
    exact = total_correlation(law)
    cells = random.choice(60, 5000, p=law.ravel())
    levels = np.stack(np.unravel_index(cells, law.shape), axis=1)
    # Levels that are floats of a uniform grid, as finite scalar quantisers have them.
    codes = levels / [2.0, 1.5, 1.0] - 1.0
    for method in ("plug_in", "miller_madow", "james_stein"):
        assert tc.discrete(codes, method) == pytest.approx(exact, abs=0.04)
    assert tc.knn(codes) == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_mixed_latents_have_what_integration_says(seed):
    # A level, and a Gaussian latent around it: I = H(sum) - H(noise), by quadrature.
    random = np.random.default_rng(seed)
    level = random.integers(4, size=5000)
    z = np.stack([level, level + 0.5 * random.standard_normal(5000)], axis=1)
    grid = np.linspace(-4.0, 7.0, 20_001)
    density = np.exp(-0.5 * ((grid - np.arange(4)[:, None]) / 0.5) ** 2).mean(axis=0)
    density /= 0.5 * np.sqrt(2 * np.pi)
    entropy = -integrate.trapezoid(density * np.log(density), grid)
    exact = entropy - 0.5 * np.log(2 * np.pi * np.e * 0.25)
    assert tc.knn(z) == pytest.approx(exact, abs=0.06)
    assert tc.tree(z).value == pytest.approx(exact, abs=0.06)
    with pytest.raises(tc.InputError, match="method must be one of"):
        tc.discrete(z, "shrink")
