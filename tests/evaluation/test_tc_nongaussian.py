# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.metrics import compute_tc_nongaussian
from rtc_plugin.measures import codes_from_array


def measure(z_mean, noise_variance=1e-6, seed=0, **kwargs):
    z_logvar = np.full_like(z_mean, math.log(noise_variance))
    codes = codes_from_array(
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
    codes = codes_from_array(z, np.zeros((len(z), 1)))
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


def test_what_varies_by_rounding_alone_is_constant():
    # A collapsed encoder: rounding makes two values of one.
    z_mean = np.full((400, 3), 0.5, np.float32)
    z_mean[::2] += np.float32(1e-7)
    assert len(np.unique(z_mean)) == 2
    results = measure(z_mean, noise_variance=1.0, **FAST)
    for key in ("gaussian_mean", "copula_mean", "knn_mean", "tree_mean"):
        assert results[key] == 0.0, key
    assert results["knn_mean_pvalue"] == results["tree_mean_pvalue"] == 1.0
    # Five standard errors at 400 samples.
    assert results["knn_sample"] == pytest.approx(0, abs=0.25)
    assert results["not_computed"] == []


def checkerboard(num_samples, num_latent, random):
    """Two latents share log 2 nats, in the squares of one colour; eight are normal."""
    z = random.standard_normal((num_samples, num_latent))
    cell = random.integers(4, size=(num_samples, 2))
    cell[:, 1] = 2 * (cell[:, 1] // 2) + cell[:, 0] % 2
    z[:, :2] = cell + random.uniform(size=(num_samples, 2))
    return z


def test_the_tree_sees_what_two_of_ten_latents_share():
    z = checkerboard(3000, 10, np.random.default_rng(0))
    codes = codes_from_array(z, np.zeros((len(z), 1)))
    settings = dict(FAST, num_permutations=0)
    results = compute_tc_nongaussian(
        None, None, np.random.RandomState(0), codes=codes, **settings
    )
    # Three standard errors of neighbours in ten latents.
    assert abs(results["knn_mean"]) < 0.15
    # The edges of the squares cost a tenth of the value.
    assert 0.5 < results["tree_mean"] < math.log(2)
    assert 0.0 < results["tree_mean_stderr"] < 0.05
    assert results["lower_bound_mean"] == results["tree_mean"]
    assert results["lower_bound_mean_stderr"] == pytest.approx(
        results["tree_mean_stderr"], rel=0.5
    )


def test_neighbours_see_more_than_the_tree_where_all_latents_take_part():
    random = np.random.default_rng(0)
    z = random.standard_normal((2000, 1)) + 0.7 * random.standard_normal((2000, 6))
    results = measure(z, **FAST)
    assert results["lower_bound_mean"] == results["knn_mean"] > results["tree_mean"]
    assert results["tree_mean"] > 1.0
    assert results["tree_mean_pvalue"] == results["knn_mean_pvalue"] == 0.1


def test_the_tree_of_independent_latents_is_empty():
    results = measure(np.random.default_rng(0).standard_normal((1000, 5)), **FAST)
    assert results["tree_mean"] == results["tree_sample"] == 0.0
    assert results["lower_bound_mean"] == max(results["knn_mean"], 0.0)
    assert results["tree_mean_pvalue"] > 0.1


def test_discrete_latents_are_counted():
    random = np.random.default_rng(0)
    z = random.integers(10, size=(2000, 4)).astype(float)
    # Independent: neighbours without a thought for ties give half a nat.
    settings = dict(FAST, num_permutations=0)
    results = measure(z, noise_variance=1e-60, **settings)
    assert results["knn_mean"] == pytest.approx(0.0, abs=0.1)
    assert results["tree_mean"] == 0.0
    keep = random.random(2000) < 0.7
    z[:, 1] = np.where(keep, z[:, 0], z[:, 1])
    share = np.array([0.7 + 0.3 / 10, *[0.3 / 10] * 9])
    exact = math.log(10) + np.sum(share * np.log(share))
    results = measure(z, noise_variance=1e-60, **settings)
    assert results["tree_mean"] == pytest.approx(exact, abs=0.08)
    assert results["pairwise_max_mean"] == pytest.approx(exact, abs=0.08)


def test_plain_codes_give_their_half():
    z = np.random.default_rng(0).standard_normal((300, 2))
    for plain, known, unknown in (
        ("mean", "knn_mean", "knn_sample"),
        ("sampled", "knn_sample", "knn_mean"),
    ):
        codes = codes_from_array(z, np.zeros((300, 1)), plain)
        results = compute_tc_nongaussian(
            None, None, np.random.RandomState(0), codes=codes, **FAST
        )
        assert results[known] is not None and results[unknown] is None
        assert unknown in results["not_computed"]
        assert f"`{plain}`" in results["reasons"][unknown]


def test_too_few_images_are_refused_and_those_of_codes_are_counted():
    with pytest.raises(UserError, match="tc_nongaussian: 100 images .* num_train"):
        compute_tc_nongaussian(None, None, None, num_train=100)
    z = np.random.default_rng(0).standard_normal((200, 2))
    with pytest.raises(UserError, match="tc_nongaussian: 199 images"):
        measure(z[:199], **FAST)
    assert measure(z, num_train=100, **FAST)["num_pairs"] == 1
