# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib

import numpy as np
import pytest

from rtc_plugin import total_correlation as tc

REFERENCE = json.loads(
    (pathlib.Path(__file__).parents[1] / "data/total_correlation.json").read_text()
)


def linear_encoder(num_samples, variances_of_mean, noise_variances):
    """Normal means of exactly these sample variances, constant noise."""
    random = np.random.default_rng(0)
    z_mean = random.standard_normal((num_samples, len(variances_of_mean)))
    z_mean -= z_mean.mean(axis=0)
    z_mean *= np.sqrt(variances_of_mean) / z_mean.std(axis=0, ddof=1)
    return z_mean, np.tile(np.log(noise_variances), (num_samples, 1))


def test_unit_vector_of_the_sampled_code():
    unit = REFERENCE["unit_vectors"]
    value = tc.gaussian_sampled(unit["mu"], unit["logvar"])
    assert value == pytest.approx(unit["gaussian_tc_analytic_sample"], abs=1e-9)


@pytest.mark.parametrize("eta", [0, 2, 10, 20, 50])
def test_signal_share_and_class_of_linear_rtc_encoders(eta):
    cases = [c for c in REFERENCE["linear_rtc"] if c["eta"] == eta]
    z_mean, z_logvar = linear_encoder(
        100, [c["var_mu"] for c in cases], [c["sigma2"] for c in cases]
    )
    share = tc.signal_share(z_mean, z_logvar)
    np.testing.assert_allclose(share, [c["r"] for c in cases], atol=1e-12)
    for case, name in zip(cases, tc.classify_latents(z_mean, z_logvar)):
        # In the linear case I = 1/2 log(1 + q): nothing passive knows anything.
        if case["I_nats"] == 0:
            assert name == tc.PASSIVE
        if case["r"] > 0.9:
            assert name == tc.ACTIVE


def test_a_dead_rtc_latent_is_passive_though_its_variance_looks_active():
    eta = 50
    dead = 1 / (1 + 2 * eta)
    z_mean, z_logvar = linear_encoder(1000, [0.2, 1e-8], [0.002, dead])
    assert dead < 0.1  # The usual threshold on the variance would say "active".
    names = tc.classify_latents(z_mean, z_logvar)
    assert list(names) == [tc.ACTIVE, tc.PASSIVE]
    information = tc.mixture_decomposition(z_mean, z_logvar, 2000, 0)
    assert information.mutual_information[1] < 1e-3 < information.mutual_information[0]


def test_classes_do_not_change_with_the_scale_of_a_latent():
    z_mean, z_logvar = linear_encoder(500, [0.99, 0.5, 0.01], [0.01, 0.5, 0.99])
    expected = [tc.ACTIVE, tc.MIXED, tc.PASSIVE]
    scale = np.array([1e-3, 1e3, 0.1])
    assert list(tc.classify_latents(z_mean, z_logvar)) == expected
    scaled = tc.classify_latents(z_mean * scale, z_logvar + 2 * np.log(scale))
    assert list(scaled) == expected


def test_a_constant_latent_has_no_signal():
    z_mean, z_logvar = np.ones((5, 2)), np.full((5, 2), -1000.0)
    np.testing.assert_array_equal(tc.signal_share(z_mean, z_logvar), [0.0, 0.0])


@pytest.mark.parametrize(
    "case", REFERENCE["exact"]["attenuation_equicorr"], ids=lambda c: f"{c}"
)
def test_attenuation(case):
    num_latent, rho, share = case["D"], case["rho_mu"], case["r"]
    # 4 D points whose covariance is the equicorrelation matrix exactly.
    cov = (1 - rho) * np.eye(num_latent) + rho
    points = np.sqrt(num_latent) * np.linalg.cholesky(cov).T
    points = np.concatenate([points, -points])
    points *= math.sqrt((len(points) - 1) / len(points))
    noise = (1 - share) / share
    z_logvar = np.full(points.shape, math.log(noise) if noise > 0 else -200.0)
    assert tc.gaussian(points) == pytest.approx(case["TC_mean"], abs=1e-9)
    value = tc.gaussian_sampled(points, z_logvar)
    assert value == pytest.approx(case["TC_sample"], abs=1e-9)
    np.testing.assert_allclose(tc.signal_share(points, z_logvar), share, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_sampled_codes_never_have_more_gaussian_total_correlation(seed):
    random = np.random.default_rng(seed)
    z_mean = random.standard_normal((200, 4)) @ random.standard_normal((4, 4))
    z_logvar = random.uniform(-6, 2, z_mean.shape)
    assert tc.gaussian_sampled(z_mean, z_logvar) <= tc.gaussian(z_mean)


@pytest.mark.parametrize("factor", [3, 0.1, 1 / 3])
def test_float32_copies_are_as_dependent_as_their_noise_allows(factor):
    z1 = np.random.default_rng(0).standard_normal((1000, 1)).astype(np.float32)
    z_mean = np.concatenate([z1, np.float32(factor) * z1 + np.float32(0.1)], axis=1)
    spread = z_mean.std(axis=0, ddof=1, dtype=np.float64)
    noise = np.log(np.tile(1e-8 * spread**2, (1000, 1)))
    # Correlation 1 / (1 + 1e-8); a covariance matrix would keep half of these digits.
    expected = -0.5 * math.log1p(-((1 + 1e-8) ** -2))
    assert tc.gaussian_sampled(z_mean, noise) == pytest.approx(expected, rel=1e-6)
    # Noise below the means' own rounding hides nothing.
    assert tc.gaussian_sampled(z_mean, noise - 30) == math.inf
    assert tc.gaussian_sampled(z_mean, noise - 30, 1e-12) < 14


def test_no_variance_is_too_small_but_some_are_too_large():
    z_mean, z_logvar = linear_encoder(50, [1.0, 1.0], [1.0, 1.0])
    tiny = tc.gaussian_sampled(z_mean, z_logvar - 2000)
    assert tiny == pytest.approx(tc.gaussian(z_mean), rel=1e-9)
    assert tc.gaussian_sampled(1e-200 * z_mean, z_logvar + 700) < 1e-12
    with pytest.raises(
        ValueError, match=r"exp\(z_logvar\) is infinite in columns \[0, 1"
    ):
        tc.gaussian_sampled(z_mean, z_logvar + 2000)


def test_bad_input():
    z_mean, z_logvar = linear_encoder(10, [1.0], [1.0])
    with pytest.raises(ValueError, match="passive_below must be less"):
        tc.classify_latents(z_mean, z_logvar, active_above=0.1, passive_below=0.9)
    with pytest.raises(ValueError, match="z_logvar has shape"):
        tc.signal_share(z_mean, z_logvar[:3])
