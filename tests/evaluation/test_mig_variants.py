# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.metrics import compute_infomec, compute_mig_variants
from rtc_plugin.measures.mig_variants import variants_of_information

LOG2 = np.log(2)


def scores(information, latent_entropy, factor_entropy, num_bins):
    return variants_of_information(
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
    assert set(scores(np.zeros((2, 1)), [0, 0], [0], 2).values()) == {None}


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


def encode(data, encoder, **settings):
    random_state = np.random.RandomState(0)
    results = compute_infomec(data, encoder, random_state, num_train=1000, **settings)
    json.dumps(results, allow_nan=False)
    return results


def test_infomec_of_an_encoder(data, encoder):
    results = encode(data, encoder, definition="signal_share")
    assert results["infomec_definition"] == "signal_share"
    assert results["infomec_kept_latents"] == [0, 1]
    assert results["infom"] > 0.9
    # The third factor is in no latent, so that chance decides its share.
    assert 0.6 < results["infoc"] <= 1
    assert 0.5 < results["infoe"] < 0.75


def test_infomec_says_which_definition_it_is(data, encoder):
    results = encode(data, encoder)
    assert results["infomec_definition"] == "paper"
    assert results["infomec_discrete_latents"] is False
    assert results["not_computed"] == []
    assert encode(data, encoder, definition="standalone")["infoc"] != results["infoc"]
    with pytest.raises(UserError, match="infomec.definition is 'theirs'"):
        encode(data, encoder, definition="theirs")


def test_signal_counts_and_not_range(data, encoder):
    def wide(observations):
        codes = encoder(observations)
        codes[:, 0, 0] *= 20.0
        codes[:, 1, 0] += 2 * np.log(20.0)
        return codes

    signal = encode(data, wide, definition="signal_share")
    assert signal["infomec_kept_latents"] == [0, 1]
    paper = encode(data, wide)
    assert paper["infomec_kept_latents"] == [0]
    assert paper["infoc"] is None
    assert paper["not_computed"] == ["infoc"]
    assert paper["reasons"] == {"infoc": "only one latent is kept"}
