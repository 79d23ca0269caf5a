# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib

import numpy as np
import pytest
from scipy import special

from rtc_plugin import total_correlation as tc

REFERENCE = json.loads(
    (pathlib.Path(__file__).parents[1] / "data/total_correlation.json").read_text()
)
EXACT = REFERENCE["exact"]
UNIT = REFERENCE["unit_vectors"]


def equicorrelation(num_latent, rho):
    return (1 - rho) * np.eye(num_latent) + rho


def test_unit_vector():
    assert tc.gaussian(UNIT["mu"]) == pytest.approx(UNIT["gaussian_tc_mean"], abs=1e-6)


@pytest.mark.parametrize("reading", ["0.01_is_variance", "0.01_is_std"])
def test_figure_1(reading):
    case = EXACT["fig1"][reading]
    value = tc.gaussian_from_covariance(case["cov_z"])
    assert value == pytest.approx(case["TC_z_exact"], abs=1e-12)
    # Five thousand samples, as in the paper: within four of the stated deviations.
    random = np.random.default_rng(0)
    samples = random.multivariate_normal([0, 0], case["cov_z"], size=(40, 5000))
    mean, deviation = case["gaussTC_n5000_mean_sd"]
    values = [tc.gaussian(s) for s in samples]
    assert abs(np.mean(values) - mean) < 4 * deviation * math.sqrt(1 / 40 + 1 / 200)


def test_figure_1_means_are_linearly_dependent_so_infinite():
    assert tc.gaussian_from_covariance([[1, 0.1], [0.1, 0.01]]) == math.inf
    for seed in range(20):
        mu1 = np.random.default_rng(seed).standard_normal(5000)
        for precision in (np.float32, np.float64):
            mu = np.stack([mu1, 0.1 * mu1], axis=1).astype(precision)
            assert tc.gaussian(mu) == math.inf
            assert tc.gaussian(mu + np.asarray(100, precision)) == math.inf


FACTORS = [3, 0.1, 1 / 3, -7.7, 1e-3]


def float32_copies(seed, factor, offset=0.0, num_samples=2000):
    """Two latents in float32, the second made of the first in float32."""
    z1 = np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32)
    return np.stack([z1, np.float32(factor) * z1 + np.float32(offset)], axis=1)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("offset", [0.0, 0.1, -5.3])
def test_float32_copies_are_copies_whatever_their_array_holds_them_in(factor, offset):
    for seed in range(5):
        z = float32_copies(seed, factor, offset)
        assert z.dtype == np.float32
        assert tc.gaussian(z) == tc.gaussian(z.astype(np.float64)) == math.inf
        # Not so where the digits are there: these differ by a part in 10^8.
        exact = np.random.default_rng(seed).standard_normal((2000, 2))
        exact[:, 1] = factor * (exact[:, 0] + 1e-8 * exact[:, 1]) + offset
        assert 17 < tc.gaussian(exact) < 19


def test_a_precision_that_is_given_counts():
    random = np.random.default_rng(0)
    z = float32_copies(0, 1 / 3) * (1 + 1e-9 * random.standard_normal((2000, 1)))
    z += 1e-8 * random.standard_normal(z.shape)
    assert tc.gaussian(z) < 20
    assert tc.gaussian(z, precision=np.float32) == math.inf


@pytest.mark.parametrize("spread", [1e-5, 1e-6, 4e-7])
@pytest.mark.parametrize("seed", range(3))
def test_an_almost_constant_float32_latent_does_not_drown_the_others(spread, seed):
    random = np.random.default_rng(seed)
    z = random.standard_normal((5000, 3)) * [1, 1, spread] + [0, 0.3, 1]
    exact = tc.gaussian(z)
    assert exact < tc.gaussian_bias(5000, 3) + 4 * tc.gaussian_spread(5000, 3)
    # Rounding is noise of its own, of up to 1e-7 / spread: no reason for dependence.
    tolerance = 4 * tc.gaussian_spread(5000, 3)
    assert tc.gaussian(z.astype(np.float32)) == pytest.approx(exact, abs=tolerance)
    # It may depend on others, and others on each other.
    z[:, 2] = 1 + spread * (0.9 * z[:, 0] + 0.4 * random.standard_normal(5000))
    dependent = tc.gaussian(z.astype(np.float32))
    assert dependent == pytest.approx(tc.gaussian(z), abs=0.2)
    copies = np.concatenate(
        [z.astype(np.float32), float32_copies(seed, 3, 0.1, 5000)], 1
    )
    assert tc.gaussian(copies) == math.inf


def test_copies_by_a_float32_layer_are_copies():
    for seed in range(10):
        random = np.random.default_rng(seed)
        hidden = np.maximum(random.standard_normal((1000, 256)), 0).astype(np.float32)
        weights = random.standard_normal(256).astype(np.float32)
        kernel = np.stack([weights, weights / np.float32(7)], axis=1)
        assert tc.gaussian(hidden @ kernel + np.float32([0.1, -0.3])) == math.inf


def test_a_floor_makes_it_finite():
    floor = 1e-4
    expected = -0.5 * math.log(2 * floor)
    assert tc.gaussian_from_covariance(np.ones((2, 2)), floor) == pytest.approx(
        expected
    )
    samples = np.arange(10.0)[:, None] * [1.0, 3.0]
    assert tc.gaussian(samples, floor) == pytest.approx(expected)


@pytest.mark.parametrize("case", EXACT["family_2d"], ids=str)
def test_family_of_unbounded_mean_and_bounded_sample(case):
    cov = equicorrelation(2, case["rho_mu"])
    mean = tc.gaussian_from_covariance(cov)
    sample = tc.gaussian_from_covariance(cov + case["noise_var"] * np.eye(2))
    assert mean == pytest.approx(float(case["TC_mu"]), rel=1e-6, abs=1e-12)
    assert sample == pytest.approx(case["TC_z"], rel=1e-9, abs=1e-12)


def test_suprema_of_rank_one_means():
    cases = dict(EXACT["sup_TC_z_Dd_rank_one"])
    for noise, value in EXACT["sup_TC_z_2d_unit_var"].items():
        cases[f"D=2,s2={noise}"] = value
    for name, value in cases.items():
        num_latent, noise = (float(part.split("=")[1]) for part in name.split(","))
        cov = np.ones((int(num_latent),) * 2) + noise * np.eye(int(num_latent))
        assert tc.gaussian_from_covariance(cov) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_samples_have_the_exact_mean_bias_of_a_wishart_determinant(seed):
    # E log |S| is known in closed form whatever the correlation is.
    num_latent, num_samples, repetitions = 6, 200, 400
    random = np.random.default_rng(seed)
    cov = equicorrelation(num_latent, 0.7)
    draws = random.multivariate_normal(
        np.zeros(num_latent), cov, size=(repetitions, num_samples)
    )
    values = np.array([tc.gaussian(d) for d in draws])
    freedom = num_samples - 1
    excess = 0.5 * np.sum(
        special.digamma(freedom / 2)
        - special.digamma((freedom - np.arange(num_latent)) / 2)
    )
    error = values.std() / math.sqrt(repetitions)
    expected = tc.gaussian_from_covariance(cov) + excess
    assert abs(values.mean() - expected) < 4 * error
    assert tc.gaussian_bias(num_samples, num_latent) == pytest.approx(excess, rel=0.05)


@pytest.mark.parametrize("case", EXACT["gaussianTC_bias_independent"], ids=str)
def test_stated_noise_floor(case):
    bias = tc.gaussian_bias(case["n"], case["D"])
    spread = tc.gaussian_spread(case["n"], case["D"])
    assert bias == pytest.approx(case["pred"], rel=1e-9)
    # First order in D/n: what is left is of relative order D/n.
    assert abs(bias - case["mean"]) < 4 * case["se"] + bias * case["D"] / case["n"]
    assert spread == pytest.approx(case["sd"], rel=0.25)


@pytest.mark.parametrize("seed", range(3))
def test_scales_from_1e_8_to_1e8_do_not_matter(seed):
    random = np.random.default_rng(seed)
    samples = random.multivariate_normal(np.zeros(5), equicorrelation(5, 0.5), size=500)
    scales = np.array([1e-8, 1e8, 1.0, 1e-3, 1e5])
    expected = tc.gaussian(samples)
    assert tc.gaussian(samples * scales) == pytest.approx(expected, rel=1e-10)
    assert tc.gaussian(samples * scales + scales) == pytest.approx(expected, rel=1e-10)
    cov = equicorrelation(5, 0.5) * scales * scales[:, None]
    expected = tc.gaussian_from_covariance(equicorrelation(5, 0.5))
    assert tc.gaussian_from_covariance(cov) == pytest.approx(expected, rel=1e-10)


def test_strong_correlation_keeps_its_digits():
    # A correlation of 1 - 1e-12 leaves 4 digits in a correlation matrix.
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 5000))
    samples = np.stack([a, a + 1e-6 * b], axis=1)
    residual = b - np.polyval(np.polyfit(a, b, 1), a)
    expected = -0.5 * math.log(1e-12 * residual.var() / samples[:, 1].var())
    assert tc.gaussian(samples) == pytest.approx(expected, rel=1e-6)


def test_trivial_cases_are_zero():
    random = np.random.default_rng(0)
    one = random.standard_normal((100, 1))
    assert tc.gaussian(one) == tc.copula(one) == 0.0
    assert tc.gaussian_from_covariance([[2.0]]) == 0.0
    # A latent that never varies is independent of the others.
    constant = np.concatenate([one, np.full((100, 1), 0.1)], axis=1)
    assert tc.gaussian(constant) == tc.copula(constant) == 0.0
    assert tc.gaussian_from_covariance(np.diag([1.0, 0.0])) == 0.0


def test_fewer_samples_than_latents_are_dependent():
    assert tc.gaussian(np.random.default_rng(0).standard_normal((5, 6))) == math.inf


def test_copula_ignores_monotone_maps_and_outliers():
    random = np.random.default_rng(0)
    cov = equicorrelation(4, 0.5)
    samples = random.multivariate_normal(np.zeros(4), cov, size=5000)
    value = tc.copula(samples)
    assert value == pytest.approx(tc.gaussian_from_covariance(cov), abs=0.04)
    bent = np.stack(
        [np.exp(5 * samples[:, 0]), samples[:, 1] ** 3, -samples[:, 2], samples[:, 3]],
        1,
    )
    assert tc.copula(bent) == pytest.approx(value, abs=1e-12)
    assert tc.gaussian(bent) < 0.5 * value


def test_neither_sees_dependence_without_correlation():
    # z2 = +- z1 with a fair sign: both normal, uncorrelated, one determines the other.
    random = np.random.default_rng(0)
    z1 = random.standard_normal(20000)
    samples = np.stack([z1, z1 * random.choice([-1, 1], 20000)], axis=1)
    noise = tc.gaussian_bias(20000, 2) + 4 * tc.gaussian_spread(20000, 2)
    assert tc.gaussian(samples) < 3 * noise  # Fourth moments triple the spread.
    assert tc.copula(samples) < 3 * noise


@pytest.mark.parametrize(
    "samples, message",
    [
        (np.ones(3), "samples must have shape"),
        (np.ones((1, 3)), "samples needs at least 2 rows"),
        ([[1.0, np.nan], [1.0, 2.0]], r"samples has NaN .* columns \[1\]"),
        ([[np.inf, 0.0], [1.0, 2.0]], r"samples has NaN .* columns \[0\]"),
    ],
)
def test_bad_samples(samples, message):
    assert issubclass(tc.InputError, ValueError)
    for function in (tc.gaussian, tc.copula, tc.knn):
        with pytest.raises(tc.InputError, match=message):
            function(samples)


@pytest.mark.parametrize(
    "cov, message",
    [
        (np.ones((2, 3)), "cov must be square"),
        ([[1.0, 0.5], [0.1, 1.0]], "cov must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "cov must be positive semi-definite"),
        ([[-1.0, 0.0], [0.0, 1.0]], "cov has a negative variance"),
        ([[0.0, 0.1], [0.1, 1.0]], "cov has a latent of variance 0"),
        ([[1.0, np.nan], [np.nan, 1.0]], "cov has NaN"),
    ],
)
def test_bad_covariance(cov, message):
    with pytest.raises(ValueError, match=message):
        tc.gaussian_from_covariance(cov)
