# SPDX-License-Identifier: Apache-2.0
"""Every metric of the plugin on codes that break measuring instruments.

A metric joins by being exported from `rtc_plugin.evaluation.metrics`. On each of the
cases it gives finite, right values, None with a reason, or one line for the user.
"""

import json
import pathlib

import gin
import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import ground_truth_data

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import metrics

NUM_IMAGES = 240
FACTOR_SIZES = (6, 3, 5)
# What makes the metrics quick; a gin binding that none of them knows is an error.
QUICK = {
    "tc_disparity.num_draws": 3,
    "tc_disparity.num_bootstrap": 10,
    "tc_nongaussian.num_permutations": 9,
    "tc_nongaussian.use_discriminator": False,
    "elbo_decomposition.num_draws": NUM_IMAGES,
}
# They have the square of a latent's unit, or compare with the prior, whose unit is 1.
NOT_FREE_OF_SCALE = {
    "variance_of_mean",
    "mean_of_variance",
    "kl",
    "kl_per_latent",
    "kl_from_terms",
    "kl_from_terms_stderr",
    "kl_error",
    "kl_error_stderr",
    "dimension_wise_kl",
    "dimension_wise_kl_stderr",
    "marginal_kl",
    "marginal_kl_stderr",
    "latent_kl",
    "latent_marginal_kl",
}


class Rows(ground_truth_data.GroundTruthData):
    """Hands out the rows of an encoding in their order, instead of images."""

    factor_names = ["hue", "shape", "size"]
    factors_num_values = list(FACTOR_SIZES)
    num_factors = len(FACTOR_SIZES)
    observation_shape = [1]

    def __init__(self, factors, encoding):
        self._factors, self._encoding = factors, encoding
        self._next = 0

    def sample(self, num, random_state):
        rows = np.arange(self._next, self._next + num) % len(self._factors)
        self._next += num
        return self._factors[rows], rows

    def sample_observations_from_factors(self, factors, random_state):
        """The images of `factors`, any for a combination that has none."""
        return np.arange(len(factors)) % len(self._factors)

    def represent(self, rows):
        return self._encoding[rows]


def make_factors(num_images=NUM_IMAGES):
    random = np.random.default_rng(1)
    return np.stack([random.integers(n, size=num_images) for n in FACTOR_SIZES], 1)


def live(num_latent=4, num_images=NUM_IMAGES):
    """Means that follow the factors, each with another's share and some noise."""
    factors = make_factors(num_images)
    mixing = np.random.default_rng(2).normal(size=(len(FACTOR_SIZES), num_latent))
    noise = np.random.default_rng(3).normal(size=(num_images, num_latent))
    unit = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    return unit @ (np.eye(*mixing.shape) + 0.3 * mixing) + 0.3 * noise


def run(name, z_mean, logvar=-4.0):
    factors = make_factors(len(z_mean))
    data = Rows(factors, np.stack([z_mean, np.full_like(z_mean, logvar)], axis=1))
    for binding, value in QUICK.items():
        gin.bind_parameter(binding, value)
    try:
        results = getattr(metrics, name)(
            data, data.represent, np.random.RandomState(0), num_train=len(z_mean)
        )
    finally:
        gin.clear_config()
    assert_sound(results)
    return results


def assert_sound(results):
    json.dumps(results, allow_nan=False)
    missing = {key for key, value in results.items() if value is None}
    assert missing == set(results.get("not_computed", []))
    reasons = results.get("reasons", {})
    # A flag may have one, too.
    assert missing <= set(reasons) <= set(results)
    for reason in reasons.values():
        assert reason.strip() and "\n" not in reason
    for key, value in results.items():
        if isinstance(value, list):
            assert_no_gaps(key, value)


def assert_no_gaps(key, values):
    """None stands on the diagonal of matrices alone."""
    for i, row in enumerate(values):
        assert row is not None, key
        for j, item in enumerate(row if isinstance(row, list) else []):
            assert item is not None or i == j, key


def assert_values(results, **expected):
    """Compares the values that this metric has with (value, tolerance)."""
    for key, (value, tolerance) in expected.items():
        if results.get(key) is not None:
            np.testing.assert_allclose(results[key], value, 0, tolerance, err_msg=key)


NO_TC = {
    key: (0.0, 0.0)
    for key in ("tc_mean", "gaussian_mean", "copula_mean", "knn_mean", "tree_mean")
}


def all_constant(name):
    results = run(name, np.full((NUM_IMAGES, 3), 0.3), logvar=0.0)
    zero = (0.0, 1e-9)
    assert_values(
        results,
        **NO_TC,
        lower_bound_mean=zero,
        knn_mean_pvalue=(1.0, 0.0),
        tree_mean_pvalue=(1.0, 0.0),
        num_dependent_pairs_mean=zero,
        index_code_mi=zero,
        mutual_information=zero,
        latent_mutual_information=zero,
        signal_share=zero,
        num_dead=(3, 0),
        disintegration=zero,
        r2_disintegration=zero,
        latent_sharing=zero,
        mig=zero,
        mig_sup=zero,
        dcimig=zero,
        infoe=zero,
    )


def one_latent(name):
    results = run(name, live(1))
    assert_values(
        results,
        **NO_TC,
        num_pairs=(0, 0),
        total_correlation=(0.0, 1e-9),
        invariance_gap=(0.0, 0.0),
        dependence_on_rest=(0.0, 0.0),
        disintegration=(0.0, 0.0),
    )


def one_dead_among_live(name):
    alive = live(3)
    dead = np.full((NUM_IMAGES, 1), 0.25)
    alone, results = run(name, alive), run(name, np.hstack([alive, dead]))
    for key in (
        "tc_mean",
        "gaussian_mean",
        "knn_mean",
        "tree_mean",
        "lower_bound_mean",
    ):
        if key in results:
            assert results[key] == pytest.approx(alone[key], abs=1e-9), key
    for key in ("disintegration", "infoe", "mig", "dcimig"):
        if results.get(key) is not None:
            assert results[key] == pytest.approx(alone[key], abs=0.02), key
    for key in ("mutual_information", "latent_mutual_information", "signal_share"):
        if key in results:
            assert results[key][3] == pytest.approx(0.0, abs=1e-9), key


def exact_copies(name):
    z = live(3)
    z[:, 1] = z[:, 0]
    results = run(name, z)
    # The true total correlation of the means is infinite: a flag, or a lower bound.
    assert results.get("tc_mean_singular", True)
    for key in ("tc_mean", "gaussian_mean", "knn_mean", "tree_mean", "copula_mean"):
        assert results.get(key, 9.0) > 2.0, key
    for key in ("disintegration_per_factor", "r2_disintegration_per_factor"):
        # Copies are one latent.
        assert max(results.get(key, [0.0])) < 0.6


def float32_with_inexact_factors(name):
    z = live(3).astype(np.float32)
    z[:, 1] = np.float32(3.0) * z[:, 0] + np.float32(0.1)
    results = run(name, z)
    assert results.get("tc_mean_singular", True)
    for key in ("tc_mean", "gaussian_mean"):
        assert results.get(key, 14.0) > 13.0, key
    for key in ("knn_mean", "tree_mean", "copula_mean"):
        assert results.get(key, 9.0) > 2.0, key


def two_valued(name):
    random = np.random.default_rng(4)
    coins = random.integers(2, size=(NUM_IMAGES, 3)) + 1.0
    coins[:, 2] = coins[:, 0]
    # Noise below the resolution of the means.
    results = run(name, coins, logvar=-100.0)
    truth = (np.log(2), 0.02)
    assert_values(
        results,
        knn_mean=truth,
        knn_sample=truth,
        tree_mean=truth,
        tree_sample=truth,
        lower_bound_sample=truth,
        mutual_information=(np.log(2), 0.02),
        dependence_on_rest=([np.log(2), 0.0, np.log(2)], 0.02),
        index_code_mi=(2 * np.log(2), 0.02),
        total_correlation=(np.log(2), 0.02),
    )


def ties(name):
    z = np.round(np.random.default_rng(5).normal(size=(NUM_IMAGES, 4)) * 2.0)
    results = run(name, z, logvar=-100.0)
    # Five standard errors.
    noise = (0.0, 0.35)
    assert_values(results, knn_mean=noise, tree_mean=noise, dependence_on_rest=noise)


def least_number_of_samples(name):
    num_latent = 3
    with pytest.raises(UserError) as refused:
        run(name, live(num_latent, num_latent))
    assert_one_line(refused.value)
    try:
        run(name, live(num_latent, num_latent + 1))
    except UserError as error:
        assert_one_line(error)


def assert_one_line(error):
    """It names the remedy; gin adds the metric's name in lines of its own."""
    message, *by_gin = str(error).splitlines()
    assert "num_train" in message
    assert all("In call to configurable" in line for line in by_gin)


def one_outlier(name):
    z = live()
    plain = run(name, z)
    z[7, 0] = 1e6
    results = run(name, z)
    for key in ("copula_mean", "knn_mean", "tree_mean", "lower_bound_mean"):
        if key in results:
            assert results[key] == pytest.approx(plain[key], abs=0.1), key


def scale_of(factor):
    def check(name):
        z = live()
        plain = run(name, z)
        results = run(name, z * factor, logvar=-4.0 + 2.0 * np.log(factor))
        for key in set(plain) - NOT_FREE_OF_SCALE:
            if isinstance(plain[key], (float, list)) and key != "reasons":
                assert_close(results[key], plain[key], key)

    return check


def assert_close(found, expected, key):
    if isinstance(expected, list):
        for pair in zip(found, expected):
            assert_close(*pair, key)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4), key
    else:
        assert found == expected, key


CASES = {
    "all latents constant": all_constant,
    "one latent": one_latent,
    "one dead among live ones": one_dead_among_live,
    "exact copies": exact_copies,
    "float32 with inexact factors": float32_with_inexact_factors,
    "two-valued latents": two_valued,
    "ties": ties,
    "the least number of samples": least_number_of_samples,
    "one outlier": one_outlier,
    "a scale of 1e-12": scale_of(1e-12),
    "a scale of 1e12": scale_of(1e12),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", metrics.__all__)
def test_degenerate_codes(name, case):
    CASES[case](name)


def test_every_module_of_the_package_is_in_the_list():
    modules = pathlib.Path(metrics.__file__).parent.glob("[!_]*.py")
    assert {f"compute_{path.stem}" for path in modules} == set(metrics.__all__)
