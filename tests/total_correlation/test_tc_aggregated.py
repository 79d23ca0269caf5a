# SPDX-License-Identifier: Apache-2.0
import itertools
import math

import numpy as np
import pytest
from scipy import special, stats

from rtc_plugin import total_correlation as tc


def encodings(seed, dataset_size, num_latent):
    random = np.random.default_rng(seed)
    z_mean = random.standard_normal((dataset_size, num_latent))
    return z_mean, random.uniform(-4.0, 0.0, z_mean.shape)


@pytest.mark.parametrize("dataset_size", [1, 50, 2500])
def test_log_densities_agree_with_direct_summation(dataset_size):
    z_mean, z_logvar = encodings(0, dataset_size, 3)
    z = np.random.default_rng(1).standard_normal((130, 3)) * 5
    log_q = stats.norm.logpdf(z[:, None], z_mean, np.exp(0.5 * z_logvar))
    joint, marginals = tc.mixture_log_densities(z, z_mean, z_logvar)
    log_size = math.log(dataset_size)
    expected = special.logsumexp(log_q.sum(axis=2), axis=1) - log_size
    np.testing.assert_allclose(joint, expected, rtol=1e-10)
    expected = special.logsumexp(log_q, axis=1) - log_size
    np.testing.assert_allclose(marginals, expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_value_agrees_with_quadrature(seed):
    z_mean, z_logvar = encodings(seed, 5, 2)
    axis, step = np.linspace(-8, 8, 401, retstep=True)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    joint, marginals = tc.mixture_log_densities(grid, z_mean, z_logvar)
    # The grid is finer than every component: the sum's error is below 1e-6.
    truth = np.sum(np.exp(joint) * (joint - marginals.sum(axis=1))) * step**2
    value, standard_error = tc.mixture(z_mean, z_logvar, 20000, seed)
    assert abs(value - truth) < 4 * standard_error


def test_standard_error_is_the_spread_over_seeds():
    z_mean, z_logvar = encodings(0, 50, 3)
    runs = np.array([tc.mixture(z_mean, z_logvar, 500, seed) for seed in range(100)])
    assert runs[:, 1].mean() == pytest.approx(runs[:, 0].std(), rel=0.3)


def test_sharp_encodings_give_the_entropies_of_the_grid():
    # Means on a full grid are independent; on its diagonal they determine each other.
    sides = np.arange(4.0)
    grid = np.array(list(itertools.product(sides, sides)))
    value, error = tc.mixture(grid, np.full(grid.shape, -20.0), 1000, 0)
    assert abs(value) < 4 * error + 1e-9
    diagonal = np.stack([sides, sides, sides], axis=1)
    value, _ = tc.mixture(diagonal, np.full(diagonal.shape, -20.0), 100, 0)
    assert value == pytest.approx(2 * math.log(4), abs=1e-9)


def test_total_correlation_of_means_of_a_large_data_set_tends_to_the_gaussian():
    random = np.random.default_rng(0)
    cov = np.array([[1.0, 0.8], [0.8, 1.0]])
    z_mean = random.multivariate_normal([0, 0], cov, size=20000)
    z_logvar = np.full(z_mean.shape, 2 * math.log(0.5))
    value, error = tc.mixture(z_mean, z_logvar, 4000, 0)
    truth = tc.gaussian_from_covariance(cov + 0.25 * np.eye(2))
    # The data set itself is a sample: its correlation has a spread of its own.
    assert abs(value - truth) < 4 * error + 4 * tc.gaussian_spread(20000, 2) * 20


@pytest.mark.parametrize(
    "dataset_size, num_latent, truth",
    [(17568, 4, 0.676), (17568, 6, 4.19), (5000, 8, 10.02)],
)
def test_independent_means_of_a_finite_data_set(dataset_size, num_latent, truth):
    # The finite mixture is far from the law of its means, whose value is 0.
    z_mean = np.random.default_rng(0).standard_normal((dataset_size, num_latent))
    z_logvar = np.full(z_mean.shape, 2 * math.log(0.1))
    value, error = tc.mixture(z_mean, z_logvar, 1000, 0)
    # The reference is one draw of the data set, too, rounded, with an error like ours.
    assert abs(value - truth) < 4 * math.sqrt(2) * error + 0.01


def test_decomposition_adds_up():
    z_mean, z_logvar = encodings(0, 300, 4)
    got = tc.mixture_decomposition(z_mean, z_logvar, 400, 0)
    chain = got.mutual_information.sum() - got.index_mutual_information.value
    assert got.total_correlation.value == pytest.approx(chain, abs=1e-10)
    assert np.all(got.mutual_information < math.log(300))


@pytest.mark.parametrize("seed", range(2))
def test_mutual_information_of_a_latent_agrees_with_quadrature(seed):
    z_mean, z_logvar = encodings(seed, 20, 2)
    got = tc.mixture_decomposition(z_mean, z_logvar, 20000, seed)
    grid = np.linspace(-12, 12, 24001)
    for k in range(2):
        scale = np.exp(0.5 * z_logvar[:, k])
        density = stats.norm.pdf(grid[:, None], z_mean[:, k], scale).mean(axis=1)
        entropy = special.entr(density).sum() * (grid[1] - grid[0])
        noise_entropy = np.mean(stats.norm.entropy(scale=scale))
        error = got.mutual_information_standard_error[k]
        assert abs(got.mutual_information[k] - (entropy - noise_entropy)) < 4 * error


@pytest.mark.parametrize("noise", [2.0, 0.5, 0.1])
@pytest.mark.parametrize("num_latent", [1, 2, 8])
def test_two_bounds_enclose_the_information_of_the_law(noise, num_latent):
    # z = x + noise, both normal: I(z;x) = D/2 log(1 + 1/variance) and TC = 0.
    exact = 0.5 * num_latent * math.log(1 + noise**-2)
    lower, upper, error, saturated, total = np.transpose(
        [
            (
                got.index_mutual_information.value,
                got.index_mutual_information_upper.value,
                got.index_mutual_information.standard_error,
                got.saturated,
                got.total_correlation.value,
            )
            for got in (
                tc.mixture_decomposition(
                    np.random.default_rng(seed).standard_normal((1000, num_latent)),
                    np.full((1000, num_latent), 2 * math.log(noise)),
                    500,
                    seed,
                )
                for seed in range(3)
            )
        ]
    )
    # Three data sets of 1000 images, each of which is a random sample, too.
    tolerance = 4 * np.hypot(error.mean(), 0.7 * num_latent**0.5 / 1000**0.5) / 3**0.5
    assert lower.mean() - tolerance < exact < upper.mean() + tolerance
    assert np.all(lower <= upper) and np.all(lower < math.log(1000))
    # What is not flagged is right, and what is far off is flagged.
    off = np.abs(total) > 0.3
    assert np.all(saturated[off])
    if not saturated.any():
        assert lower.mean() == pytest.approx(exact, abs=tolerance + 0.1)
        assert np.all(np.abs(total) < 0.3)


def test_separate_encodings_have_no_upper_bound_and_are_saturated():
    z_mean = np.arange(20.0)[:, None] * [1.0, 1.0]
    got = tc.mixture_decomposition(z_mean, np.full((20, 2), -20.0), 100, 0)
    assert got.saturated and got.index_mutual_information_upper.value == math.inf
    assert tc.mixture_decomposition(z_mean[:1], np.zeros((1, 2)), 10, 0).saturated
    same = tc.mixture_decomposition(np.zeros((20, 2)), np.zeros((20, 2)), 100, 0)
    assert not same.saturated
    assert same.index_mutual_information_upper.value == pytest.approx(0, abs=1e-12)


def test_one_latent_has_no_total_correlation():
    z_mean, z_logvar = encodings(0, 10, 1)
    assert tc.mixture(z_mean, z_logvar, 10, 0) == (0.0, 0.0)


def test_same_seed_same_number_whatever_the_threads():
    z_mean, z_logvar = encodings(0, 3000, 3)
    one = tc.mixture(z_mean, z_logvar, 300, 0, num_threads=1)
    assert one == tc.mixture(z_mean, z_logvar, 300, 0, num_threads=3)
    assert one == tc.mixture(z_mean, z_logvar, 300, 0)
    assert one != tc.mixture(z_mean, z_logvar, 300, 1)
    state = np.random.RandomState(5), np.random.RandomState(5)
    assert tc.mixture(z_mean, z_logvar, 300, state[0]) == tc.mixture(
        z_mean, z_logvar, 300, state[1]
    )


def test_bad_input():
    z_mean, z_logvar = encodings(0, 10, 2)
    with pytest.raises(ValueError, match="z_logvar has shape"):
        tc.mixture(z_mean, z_logvar[:5], 10, 0)
    with pytest.raises(ValueError, match="z_mean has NaN"):
        tc.mixture(z_mean * np.nan, z_logvar, 10, 0)
    with pytest.raises(ValueError, match="num_samples must be an integer >= 2"):
        tc.mixture(z_mean, z_logvar, 1, 0)
    with pytest.raises(ValueError, match="z has 3 latents, but z_mean 2"):
        tc.mixture_log_densities(np.zeros((4, 3)), z_mean, z_logvar)
