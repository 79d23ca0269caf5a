# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rtc_plugin.evaluation.metrics import compute_infomec, compute_mig_variants
from rtc_plugin.evaluation.metrics import infomec as infomec_lib
from rtc_plugin.evaluation.metrics.mig_variants import mig_variants

LOG2 = np.log(2)


def scores(information, latent_entropy, factor_entropy, num_bins):
    return mig_variants(
        np.array(information, float),
        np.array(latent_entropy, float),
        np.array(factor_entropy, float),
        num_bins,
    )


def test_two_fair_bits_in_their_own_latents_are_perfect():
    result = scores(LOG2 * np.eye(2), [LOG2, LOG2], [LOG2, LOG2], 2)
    assert result == pytest.approx(dict(mig=1, mig_sup=1, dcimig=1, jemmig=1))


def test_a_copied_bit_fools_mig_sup_and_dcimig_only():
    # Latents 0 and 1 both hold factor 0, latent 2 holds factor 1.
    information = LOG2 * np.array([[1, 0], [1, 0], [0, 1]])
    result = scores(information, [LOG2] * 3, [LOG2] * 2, 2)
    assert result["mig"] == pytest.approx(0.5)
    assert result["mig_sup"] == pytest.approx(1)
    assert result["dcimig"] == pytest.approx(1)
    # Factor 0: [H(z,f) - I + I'] / (H + log 2) = (1 - 1 + 1) / 2.
    assert result["jemmig"] == pytest.approx((0.5 + 1) / 2)


def test_one_latent_with_both_bits_fools_mig_only():
    # Latent 0 takes four values and holds both factors; latent 1 is constant.
    information = LOG2 * np.array([[1, 1], [0, 0]])
    result = scores(information, [2 * LOG2, 0], [LOG2] * 2, 4)
    assert result["mig"] == pytest.approx(1)
    assert result["mig_sup"] == 0
    assert result["dcimig"] == 0
    # H(z,f) = 2 bits, I = 1 bit, of 1 + 2 bits.
    assert result["jemmig"] == pytest.approx(1 - 1 / 3)


def test_constant_factors_are_left_out():
    result = scores(LOG2 * np.eye(2), [LOG2, LOG2], [LOG2, 0], 2)
    assert result["mig"] == 1
    assert set(scores(np.zeros((2, 1)), [0, 0], [0], 2).values()) == {0.0}


def test_mig_variants_of_an_encoder(data, encoder):
    results = compute_mig_variants(
        data, encoder, np.random.RandomState(0), num_train=2000
    )
    json.dumps(results, allow_nan=False)
    # Two of three factors and of three latents are perfect.
    assert results["mig"] == pytest.approx(2 / 3, abs=0.02)
    assert results["mig_sup"] == pytest.approx(2 / 3, abs=0.02)
    entropy = np.log([10, 4, 8])
    assert results["dcimig"] == pytest.approx(
        entropy[:2].sum() / entropy.sum(), abs=0.02
    )


def test_concentration_by_hand():
    assert infomec_lib.concentration(np.eye(3)) == pytest.approx(1)
    assert infomec_lib.concentration(np.ones((2, 4))) == pytest.approx(0)
    # Shares .75 and 1 (of two): mean .875, rescaled (.875 - .5) / .5.
    assert infomec_lib.concentration(
        np.array([[0.6, 0.2], [0.0, 0.4]])
    ) == pytest.approx(0.75)
    assert infomec_lib.concentration(np.zeros((2, 2))) == 0
    assert infomec_lib.concentration(np.ones((0, 2))) is None
    assert infomec_lib.concentration(np.ones((2, 1))) is None


def test_explicitness_of_a_known_and_an_unknown_bit():
    random = np.random.default_rng(0)
    factors = random.integers(2, size=(1000, 2))
    z = (2.0 * factors[:, :1] - 1) + 0.01 * random.standard_normal((1000, 1))
    assert infomec_lib.explicitness(z, factors[:, :1]) > 0.95
    assert infomec_lib.explicitness(z, factors[:, 1:]) < 0.01
    assert infomec_lib.explicitness(z, factors) == pytest.approx(0.5, abs=0.03)
    assert infomec_lib.explicitness(z, 0 * factors) == 0


def test_infomec_of_an_encoder(data, encoder):
    results = compute_infomec(data, encoder, np.random.RandomState(0), num_train=1000)
    json.dumps(results, allow_nan=False)
    assert results["num_latents_with_signal"] == 2
    assert results["infom"] > 0.9
    # The third factor is in no latent: its row counts as equal shares, 0.
    assert 0.5 < results["infoc"] < 0.8
    assert 0.5 < results["infoe"] < 0.75
