# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.metrics import compute_tc_disparity
from rtc_plugin.measures import codes_from_array


def measure(codes, seed=0, **kwargs):
    results = compute_tc_disparity(
        None, None, np.random.RandomState(seed), codes=codes, **kwargs
    )
    json.dumps(results, allow_nan=False)
    return results


def gaussian_tc(cov):
    scale = np.sqrt(np.diag(cov))
    return -0.5 * np.linalg.slogdet(cov / scale / scale[:, None])[1]


@pytest.mark.parametrize("seed", range(3))
def test_linear_encoder_has_closed_forms(linear_codes, seed):
    mixing = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.3, 0.3, 0.5]])
    noise = np.array([0.05, 0.5, 0.05])
    results = measure(linear_codes(mixing, noise, seed=seed), seed)
    cov = mixing @ mixing.T
    for key, expected in (
        ("tc_mean", gaussian_tc(cov)),
        ("tc_sample", gaussian_tc(cov + np.diag(noise))),
        ("tc_sample_analytic", gaussian_tc(cov + np.diag(noise))),
        ("tc_gap", gaussian_tc(cov) - gaussian_tc(cov + np.diag(noise))),
    ):
        # Five standard errors, estimated to within 7 % from 100 resamples.
        assert abs(results[key] - expected) < 5 * results[f"{key}_stderr"], key
        assert results[f"{key}_stderr"] < 0.03
    share = np.diag(cov) / (np.diag(cov) + noise)
    np.testing.assert_allclose(results["signal_share"], share, atol=0.01)
    np.testing.assert_allclose(results["noise_share"], 1 - share, atol=0.01)
    np.testing.assert_allclose(results["mean_of_variance"], noise)
    kl = 0.5 * (np.diag(cov) + noise - np.log(noise) - 1)
    np.testing.assert_allclose(results["kl_per_latent"], kl, atol=0.08)
    assert results["latent_class"] == ["active", "mixed", "mixed"]
    assert (results["num_active"], results["num_mixed"]) == (1, 2)


@pytest.mark.parametrize("noise, num_draws", [(0.1, 10), (3.0, 2)])
def test_the_standard_error_is_that_of_fresh_images(linear_codes, noise, num_draws):
    # In the first case the images make most of the error, in the second the draws.
    mixing = [[1.0, 0.0], [0.5, 0.5]]
    runs = [
        measure(linear_codes(mixing, noise, 1000, seed), seed, num_draws=num_draws)
        for seed in range(20)
    ]
    for key in ("tc_mean", "tc_sample", "tc_gap"):
        spread = np.std([run[key] for run in runs], ddof=1)
        said = np.sqrt(np.mean([run[f"{key}_stderr"] ** 2 for run in runs]))
        # 20 runs give a standard deviation to within 16 %.
        assert said == pytest.approx(spread, rel=0.4), key


@pytest.mark.parametrize("seed", range(3))
def test_independent_codes_score_the_noise_floor(linear_codes, seed):
    results = measure(linear_codes(np.eye(10), 0.01, seed=seed), num_bootstrap=2)
    floor, spread = results["tc_noise_floor"], results["tc_noise_floor_std"]
    assert floor == pytest.approx(0.0045, abs=1e-4)
    assert abs(results["tc_mean"] - floor) < 4 * spread
    assert abs(results["tc_gap"]) < 4 * spread
    assert results["num_active"] == 10


def test_passive_latents_explain_a_gap_that_active_ones_do_not_have(linear_codes):
    # Two active latents, and two of noise whose faint means are copies of them.
    faint = 0.01 * np.eye(2) + 0.001
    mixing = np.vstack([np.eye(2), faint])
    results = measure(linear_codes(mixing, [0.01, 0.01, 1.0, 1.0]))
    assert results["tc_gap"] > 5
    assert results["tc_mean_active"] < 0.01 and results["tc_sample_active"] < 0.01
    assert (results["num_active"], results["num_passive"]) == (2, 2)
    assert results["dead_latents"] == [2, 3]


def test_a_copied_latent_is_finite_and_said(linear_codes):
    results = measure(linear_codes([[1.0], [1.0], [-2.0]], 0.1))
    assert results["tc_mean_singular"]
    assert results["tc_mean"] == pytest.approx(2 * 13.8, rel=0.1)
    assert not measure(linear_codes(np.eye(2), 0.1))["tc_mean_singular"]


@pytest.mark.parametrize("factor, offset", [(1 / 3, 0.0), (3, 0.1), (0.1, -5.3)])
@pytest.mark.parametrize("plain", [False, True])
def test_float32_copies_count_as_copies(factor, offset, plain):
    z1 = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    z = np.stack([z1, np.float32(factor) * z1 + np.float32(offset)], axis=1)
    array = z if plain else np.stack([z, np.zeros_like(z)], axis=1)
    results = measure(codes_from_array(array, np.zeros((2000, 1))))
    assert results["tc_mean_singular"]
    assert results["tc_mean"] == pytest.approx(13.8, rel=0.1)


def test_an_almost_constant_float32_latent_is_no_dependence(linear_codes):
    both = linear_codes(np.eye(3), 0.1)
    exact = both.z_mean * [1, 1, 1e-6] + [0, 0, 1]
    array = np.stack([exact, both.z_logvar], axis=1).astype(np.float32)
    results = measure(codes_from_array(array, both.factors))
    assert not results["tc_mean_singular"]
    expected = measure(both._replace(z_mean=exact))["tc_mean"]
    assert expected < 0.005
    # Rounding is a noise of its own, of a thirtieth of that latent's spread.
    assert results["tc_mean"] == pytest.approx(expected, abs=1e-4)


def test_dead_and_constant_latents_are_named_and_harmless(data, encoder):
    results = compute_tc_disparity(
        data, encoder, np.random.RandomState(0), num_train=2000
    )
    json.dumps(results, allow_nan=False)
    assert results["latent_class"] == ["active", "mixed", "passive"]
    assert results["dead_latents"] == [2] and results["num_dead"] == 1
    assert results["tc_mean"] < 0.01


def test_constant_codes_have_no_total_correlation():
    codes = codes_from_array(np.ones((100, 2, 3)), np.zeros((100, 1)))
    results = measure(codes)
    assert results["tc_mean"] == 0
    assert results["num_dead"] == 3


@pytest.mark.parametrize("num_active", [0, 1, 2])
def test_fewer_than_two_active_latents_have_no_total_correlation(
    linear_codes, num_active
):
    noise = np.where(np.arange(3) < num_active, 0.01, 1.0)
    mixing = np.where(np.arange(3) < num_active, 1.0, 1e-3) * np.eye(3)
    results = measure(linear_codes(mixing, noise, 500))
    assert results["num_active"] == num_active
    for quantity in ("tc_mean_active", "tc_sample_active", "tc_sample_active_analytic"):
        for key in (quantity, f"{quantity}_stderr"):
            if num_active < 2:
                assert results[key] is None and key in results["not_computed"]
                assert f"there are {num_active}" in results["reasons"][key]
            else:
                assert 0 <= results[key] < 0.05 and key not in results["reasons"]


def test_samples_have_no_more_dependence_than_means(linear_codes):
    random = np.random.default_rng(0)
    for seed in range(5):
        mixing = random.standard_normal((4, 4))
        noise = random.uniform(0.01, 3.0, size=4)
        results = measure(linear_codes(mixing, noise, 500, seed))
        assert results["tc_sample_analytic"] <= results["tc_mean"]
        assert results["tc_invariant_holds"]


@pytest.mark.parametrize(
    "plain, known, unknown", [("mean", "tc_mean", "tc_sample"), ("sampled",) * 3]
)
def test_plain_representations_give_their_half(linear_codes, plain, known, unknown):
    if plain == "sampled":
        known, unknown = "tc_sample", "tc_mean"
    both = linear_codes([[1.0, 0.0], [0.5, 0.5]], 0.1)
    codes = codes_from_array(both.z_mean, both.factors, plain)
    results = measure(codes)
    assert results[known] == pytest.approx(measure(both)["tc_mean"])
    assert unknown in results["not_computed"]
    assert set(results["not_computed"]) == set(results["reasons"])
    assert all(results[key] is None for key in results["not_computed"])
    assert results["representation"] == plain


def test_same_seed_same_result(linear_codes):
    codes = linear_codes(np.eye(3), 0.1, 500)
    assert measure(codes, 1) == measure(codes, 1) != measure(codes, 2)


@pytest.mark.parametrize("argument", ["num_draws", "num_bootstrap"])
def test_one_repetition_gives_no_error_bar_and_is_refused(linear_codes, argument):
    with pytest.raises(UserError, match=f"tc_disparity.{argument}=1"):
        measure(linear_codes(np.eye(2), 0.1, 100), **{argument: 1})
