# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.metrics import compute_conditional_independence


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
    codes = linear_codes(mixing_for(mean_correlation), 0.1, seed=1)
    results = measure(codes, noise_correlation=noise_correlation)
    for i in range(2):
        alone = results["mutual_information"][i]
        error = results["mutual_information_stderr"][i]
        # 1/2 log 11; the images themselves add an error of about 0.01.
        assert alone == pytest.approx(1.1989, abs=4 * error + 0.03)
        error = 4 * results["invariance_gap_stderr"][i] + 0.01
        assert results["invariance_gap"][i] == pytest.approx(gap, abs=error)
        rest = results["conditional_mutual_information"][i]
        assert rest - alone == pytest.approx(results["invariance_gap"][i])
    assert results["mean_abs_invariance_gap"] == pytest.approx(abs(gap), abs=error)
    assert results["total_correlation_knn"] == pytest.approx(total, abs=error)
    given_x = -0.5 * math.log(1 - noise_correlation**2)
    assert results["conditional_total_correlation"] == pytest.approx(given_x)


def test_correlated_noise_makes_the_latents_dependent(linear_codes):
    codes = linear_codes(np.eye(2), 1.0, seed=1)
    results = measure(codes, noise_correlation=0.9)
    # Corr z = 0.9 / 2.
    error = 4 * results["invariance_gap_stderr"][0] + 0.01
    assert results["total_correlation_knn"] == pytest.approx(0.1129, abs=error)
    assert results["invariance_gap"][0] == pytest.approx(0.8304 - 0.1129, abs=error)


def test_the_sum_rule_gives_the_joint_information(linear_codes):
    mixing, noise = mixing_for(0.5), 0.2
    results = measure(linear_codes(mixing, noise, seed=1))
    exact = 0.5 * np.linalg.slogdet(np.eye(2) + mixing @ mixing.T / noise)[1]
    assert results["total_mutual_information"] == pytest.approx(exact, abs=0.08)


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
        measure(linear_codes(np.eye(2), 0.1, 100), noise_correlation=bad)


def test_plain_codes_are_not_enough_and_say_so(data, encoder):
    results = compute_conditional_independence(
        data, lambda x: encoder(x)[:, 0], np.random.RandomState(0), num_train=50
    )
    assert results["not_computed"]
