# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest
from scipy import special

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.metrics import (
    compute_conditional_independence,
    compute_elbo_decomposition,
)
from rtc_plugin.measures.conditional_independence import (
    dependence_on_rest,
    image_information,
    invariance,
)


def measure(codes, **kwargs):
    results = compute_conditional_independence(
        None, None, np.random.RandomState(0), codes=codes, **kwargs
    )
    json.dumps(results, allow_nan=False)
    return results


def mixing_for(correlation):
    return np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])


# Means of variance 1 and the given correlation, noise of variance 0.1: the exact
# I(z_i;x), gap and TC(z|x) of two Gaussian latents.
@pytest.mark.parametrize(
    "mean_correlation, noise_correlation, gap, total",
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 0.6, 0.2217, 0.0015),
        # The noise undoes the means' dependence exactly; the gap still shows it.
        (-0.09, 0.9, 0.8304, 0.0),
        (0.9, 0.0, -0.5535, 0.5535),
    ],
)
def test_gaussian_encoders(
    linear_codes, mean_correlation, noise_correlation, gap, total
):
    codes = linear_codes(mixing_for(mean_correlation), 0.1, 2000, seed=1)
    results = measure(codes, noise_correlation=noise_correlation)
    for i in range(2):
        alone = results["mutual_information"][i]
        error = results["mutual_information_stderr"][i]
        assert alone == pytest.approx(0.5 * math.log(11), abs=4 * error)
        error = 4 * results["invariance_gap_stderr"][i] + 0.01
        assert results["invariance_gap"][i] == pytest.approx(gap, abs=error)
        rest = results["conditional_mutual_information"][i]
        assert rest - alone == pytest.approx(results["invariance_gap"][i])
    assert results["mean_abs_invariance_gap"] == pytest.approx(abs(gap), abs=error)
    assert results["total_correlation_knn"] == pytest.approx(total, abs=error)
    given_x = -0.5 * math.log(1 - noise_correlation**2)
    assert results["conditional_total_correlation"] == pytest.approx(given_x)


def test_correlated_noise_makes_the_latents_dependent(linear_codes):
    codes = linear_codes(np.eye(2), 1.0, 2000, seed=1)
    results = measure(codes, noise_correlation=0.9)
    # Corr z = 0.9 / 2.
    error = 4 * results["invariance_gap_stderr"][0] + 0.01
    assert results["total_correlation_knn"] == pytest.approx(0.1129, abs=error)
    assert results["invariance_gap"][0] == pytest.approx(0.8304 - 0.1129, abs=error)


def test_the_sum_rule_gives_the_joint_information(linear_codes):
    mixing, noise = mixing_for(0.5), 0.2
    results = measure(linear_codes(mixing, noise, 2000, seed=1))
    exact = 0.5 * np.linalg.slogdet(np.eye(2) + mixing @ mixing.T / noise)[1]
    error = 4 * results["population_code_mi_stderr"]
    assert results["population_code_mi"] == pytest.approx(exact, abs=error)
    assert error < 0.2


def test_information_about_the_law_is_not_that_about_the_encoded_images(linear_codes):
    codes = linear_codes(np.eye(4), 0.01, 300)
    exact = 2 * math.log(101)
    results = measure(codes)
    error = 4 * results["population_code_mi_stderr"]
    assert results["population_code_mi"] == pytest.approx(exact, abs=error)
    of_index = compute_elbo_decomposition(
        None, None, np.random.RandomState(0), codes=codes, num_draws=300
    )
    assert of_index["index_code_mi"] < math.log(300) < exact - error
    assert not set(results) & set(of_index) - {
        "representation",
        "not_computed",
        "reasons",
    }


def test_the_standard_error_of_the_information_covers_the_images():
    scores = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        z_mean = random.standard_normal((300, 5))
        z = z_mean + math.sqrt(0.1) * random.standard_normal(z_mean.shape)
        told = image_information(z, z_mean, np.full((300, 5), -2.302585))
        error = told.std(axis=0, ddof=1) / math.sqrt(300)
        scores.append((told.mean(axis=0) - 0.5 * math.log(11)) / error)
    # 200 scores; the error of the noise alone is too small by a factor of sqrt(3).
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_standard_error_of_the_gap_covers_the_bias_in_ten_latents(
    linear_codes, correlation
):
    cov = np.full((10, 10), correlation) + (1 - correlation) * np.eye(10)
    with_noise = cov + 0.1 * np.eye(10)
    exact = -0.5 * math.log(np.linalg.inv(with_noise)[0, 0] * with_noise[0, 0])
    results = measure(linear_codes(np.linalg.cholesky(cov), 0.1, 1000, seed=2))
    gap, error = results["invariance_gap"], results["invariance_gap_stderr"]
    assert np.all(np.abs(np.array(gap) - exact) < 4 * np.array(error) + 1e-9)
    assert max(error) < 0.15


def spiral(num_samples, num_latent, random):
    """Two latents on a spiral, with 2.45 nats; the others are independent normals."""
    angle = 4 * np.pi * np.sqrt(random.uniform(size=num_samples))
    z = random.standard_normal((num_samples, num_latent))
    z[:, :2] = 0.1 * z[:, :2] + np.stack(
        [angle * np.cos(angle), angle * np.sin(angle)], axis=1
    )
    return z


def test_an_independent_latent_beside_a_spiral_depends_on_nothing():
    z = spiral(2000, 3, np.random.default_rng(0))
    results = invariance(
        z, np.full(z.shape, -9.0), np.random.default_rng(0), num_draws=500
    )
    rest, error = results["dependence_on_rest"], results["dependence_on_rest_stderr"]
    assert 0.0 <= rest[2] < 4 * error[2] + 1e-9 < 0.2
    # Neighbours in three latents alone give 1.5.
    assert np.all(rest[:2] > 1.7)
    np.testing.assert_allclose(results["invariance_gap"], -rest)


def test_ten_latents_do_not_hide_what_two_share():
    z = spiral(1000, 10, np.random.default_rng(0))
    results = invariance(
        z, np.full(z.shape, -9.0), np.random.default_rng(0), num_draws=500
    )
    assert np.all(results["dependence_on_rest"][:2] > 1.2)
    assert np.all(results["dependence_on_rest"][2:] < 0.2)
    knn, tree, lower_bound = (
        results[f"total_correlation_{name}"] for name in ("knn", "tree", "lower_bound")
    )
    assert knn < 0.4 and tree == lower_bound > 1.2


def test_estimates_below_zero_become_zero_and_say_so(linear_codes):
    results = measure(linear_codes(np.eye(6), 0.1, 400), num_draws=50)
    raw_is_negative = results["dependence_on_rest_clipped"]
    assert any(raw_is_negative) and not all(raw_is_negative)
    for clipped, rest in zip(raw_is_negative, results["dependence_on_rest"]):
        assert rest == 0.0 if clipped else rest > 0.0


def test_dependence_agrees_with_the_definition_point_by_point():
    z = np.random.default_rng(0).standard_normal((60, 3))
    scores = special.ndtri((np.argsort(np.argsort(z, axis=0), axis=0) + 1) / 61)
    apart = np.abs(scores[:, None] - scores[None])
    # Scores lie on a grid, so points on the rim are common; they do not count.
    reach = np.sort(apart.max(axis=2), axis=1)[:, 3, None] * (1 - 1e-12)
    for k, found in enumerate(dependence_on_rest(z)):
        alone = np.sum(apart[:, :, k] < reach, axis=1)
        others = np.sum(np.delete(apart, k, axis=2).max(axis=2) < reach, axis=1)
        exact = special.digamma(3) + special.digamma(60)
        exact -= np.mean(special.digamma(alone) + special.digamma(others))
        assert found == pytest.approx(exact, abs=1e-12)


def test_discrete_latents_are_counted():
    random = np.random.default_rng(0)
    coins = random.integers(1, 3, size=(2000, 3)).astype(float)
    coins[:, 2] = coins[:, 0]
    results = invariance(coins, np.full(coins.shape, -100.0), random)
    told, rest = results["mutual_information"], results["dependence_on_rest"]
    np.testing.assert_allclose(told, math.log(2), atol=0.01)
    np.testing.assert_allclose(rest, [math.log(2), 0.0, math.log(2)], atol=0.01)
    assert results["population_code_mi"] == pytest.approx(2 * math.log(2), abs=0.02)


def test_constant_latents_know_nothing():
    results = invariance(
        np.ones((300, 2)), np.zeros((300, 2)), np.random.default_rng(0)
    )
    np.testing.assert_allclose(results["mutual_information"], 0, atol=1e-12)
    assert results["population_code_mi"] < 4 * results["population_code_mi_stderr"]


def test_one_latent_has_no_others(linear_codes):
    results = measure(linear_codes([[1.0]], 0.1, 300), num_draws=300)
    assert results["invariance_gap"] == [0.0]


def test_a_dead_latent_knows_nothing(linear_codes):
    codes = linear_codes([[1.0, 0.0], [0.0, 0.0]], [0.1, 1.0], 1000)
    results = measure(codes, num_draws=1000)
    assert results["mutual_information"][1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "bad", [1.0, -1.5, [[1.0, 0.2], [0.1, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0]]]
)
def test_what_is_no_correlation_is_refused(linear_codes, bad):
    with pytest.raises(UserError, match="noise_correlation .* 2 latents"):
        measure(linear_codes(np.eye(2), 0.1, 200), noise_correlation=bad)


def test_plain_codes_are_not_enough_and_say_so(data, encoder):
    results = compute_conditional_independence(
        data, lambda x: encoder(x)[:, 0], np.random.RandomState(0), num_train=200
    )
    for key in results["not_computed"]:
        assert results[key] is None and "mean_and_logvar" in results["reasons"][key]
    assert "invariance_gap" in results["not_computed"]


def test_too_few_images_are_refused(linear_codes):
    with pytest.raises(UserError, match="199 images are too few .* num_train"):
        measure(linear_codes(np.eye(2), 0.1, 199))
