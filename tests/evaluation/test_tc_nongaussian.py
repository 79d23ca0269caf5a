# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation.metrics import compute_tc_nongaussian


def measure(z_mean, noise_variance=1e-6, seed=0, **kwargs):
    z_logvar = np.full_like(z_mean, math.log(noise_variance))
    codes = codes_lib.codes_from_array(
        np.stack([z_mean, z_logvar], axis=1), np.zeros((len(z_mean), 1))
    )
    results = compute_tc_nongaussian(
        None, None, np.random.RandomState(seed), codes=codes, **kwargs
    )
    json.dumps(results, allow_nan=False)
    return results


FAST = dict(num_permutations=9, num_permutation_samples=300, use_discriminator=False)


def ring(num_samples, random):
    """Radius 1 with normal noise of 0.1 in each coordinate: uncorrelated."""
    angle = random.uniform(0, 2 * np.pi, num_samples)
    z = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return z + 0.1 * random.standard_normal(z.shape)


def x_shape(num_samples, random):
    """Half correlated at 0.9, half at -0.9: normal marginals, uncorrelated."""
    z = random.standard_normal((num_samples, 2))
    sign = np.where(random.random(num_samples) < 0.5, 1.0, -1.0)
    z[:, 1] = sign * 0.9 * z[:, 0] + math.sqrt(1 - 0.81) * z[:, 1]
    return z


@pytest.mark.parametrize(
    "make, exact, tolerance", [(ring, 0.6789, 0.05), (x_shape, 0.4084, 0.05)]
)
def test_uncorrelated_dependence_is_seen(make, exact, tolerance):
    # Exact values by numerical integration; 0.05 is four standard errors at n = 4000,
    # and the neighbours' bias.
    results = measure(make(4000, np.random.default_rng(0)), **FAST)
    assert results["gaussian_mean"] < 0.005
    assert results["copula_mean"] < 0.005
    assert results["knn_mean"] == pytest.approx(exact, abs=tolerance)
    assert results["knn_excess_mean"] > 5 * results["knn_excess_mean_stderr"] > 0
    assert results["knn_mean_pvalue"] == 0.1
    assert results["pairwise_max_mean"] == pytest.approx(results["knn_mean"])
    assert results["num_dependent_pairs_mean"] == results["num_pairs"] == 1


def test_the_discriminator_sees_the_ring():
    z = ring(1200, np.random.default_rng(0))
    codes = codes_lib.codes_from_array(z, np.zeros((len(z), 1)))
    results = compute_tc_nongaussian(
        None, None, np.random.RandomState(0), codes=codes, num_permutations=0
    )
    # A classifier finds most of 0.68, not all, from 600 training samples.
    assert 0.3 < results["discriminator_mean"] < 0.8
    assert results["discriminator_mean_normaliser"] == pytest.approx(1, abs=0.3)
    assert "knn_mean_pvalue" not in results


def test_noise_hides_the_ring_from_the_samples_alone():
    results = measure(ring(2000, np.random.default_rng(0)), 100.0, **FAST)
    assert results["knn_mean"] > 0.5
    assert abs(results["knn_sample"]) < 4 * results["knn_sample_stderr"] + 0.01


def test_independent_codes_show_nothing():
    z = np.random.default_rng(2).standard_normal((2000, 4))
    results = measure(z, **dict(FAST, num_permutations=19))
    for key in ("knn_mean", "knn_excess_mean", "knn_sample"):
        assert abs(results[key]) < 4 * results[f"{key}_stderr"] + 0.01, key
    assert results["copula_mean"] < 0.01
    # One p-value in twenty is the smallest by chance; these codes are typical ones.
    assert results["knn_mean_pvalue"] > 0.05 and results["copula_mean_pvalue"] > 0.05


def test_gaussian_codes_agree_with_the_closed_form():
    rho = 0.8
    z = np.random.default_rng(0).standard_normal((4000, 2))
    z[:, 1] = rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]
    results = measure(z, **FAST)
    exact = -0.5 * math.log(1 - rho**2)
    for key in ("gaussian_mean", "copula_mean", "knn_mean"):
        assert results[key] == pytest.approx(exact, abs=0.05), key
        # Four standard errors.
        assert abs(results[key] - exact) < 4 * results[f"{key}_stderr"], key
    assert results["knn_excess_mean"] == pytest.approx(0, abs=0.05)
    assert results["copula_mean_pvalue"] == 0.1


def test_dead_and_copied_latents_have_defined_values():
    random = np.random.default_rng(0)
    z = random.standard_normal((400, 1)) @ np.array([[1.0, 1.0, 0.0]])
    results = measure(z, **FAST)
    assert results["copula_mean"] == pytest.approx(1.5 * 27.6, rel=0.01)
    assert results["knn_mean"] > 3
    assert results["pairwise_mutual_information_mean"][0][2] == 0.0
    assert results["pairwise_mutual_information_mean"][0][0] is None


def test_a_collapsed_model_keeps_the_half_that_its_noise_allows():
    # Rounding makes two values of one.
    z_mean = np.full((400, 3), 0.5)
    z_mean[::2] += 1e-7
    results = measure(z_mean, noise_variance=1.0, **FAST)
    assert results["not_computed"] == ["knn_mean", "copula_mean"]
    # Five standard errors at 400 samples.
    assert results["knn_sample"] == pytest.approx(0, abs=0.25)
    assert "gaussian_mean" not in results


def test_plain_codes_give_their_half():
    z = np.random.default_rng(0).standard_normal((300, 2))
    for plain, known, unknown in (
        ("mean", "knn_mean", "knn_sample"),
        ("sampled", "knn_sample", "knn_mean"),
    ):
        codes = codes_lib.codes_from_array(z, np.zeros((300, 1)), plain)
        results = compute_tc_nongaussian(
            None, None, np.random.RandomState(0), codes=codes, **FAST
        )
        assert known in results and unknown in results["not_computed"]


def test_too_few_images_are_refused_and_those_of_codes_are_counted():
    with pytest.raises(UserError, match="tc_nongaussian: 100 images .* num_train"):
        compute_tc_nongaussian(None, None, None, num_train=100)
    z = np.random.default_rng(0).standard_normal((200, 2))
    with pytest.raises(UserError, match="tc_nongaussian: 199 images"):
        measure(z[:199], **FAST)
    assert measure(z, num_train=100, **FAST)["num_pairs"] == 1
