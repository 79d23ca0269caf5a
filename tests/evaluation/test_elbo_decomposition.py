# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from rtc_plugin.data.ground_truth import weighted
from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation.metrics import compute_elbo_decomposition
from rtc_plugin.measures import codes_from_array
from rtc_plugin.measures.elbo_decomposition import reconstruction_error


def measure(codes, seed=0, **kwargs):
    results = compute_elbo_decomposition(
        None, None, np.random.RandomState(seed), codes=codes, **kwargs
    )
    json.dumps(results, allow_nan=False)
    return results


def gaussian_kl(cov):
    return 0.5 * (np.trace(cov) - np.linalg.slogdet(cov)[1] - len(cov))


def test_linear_encoder_has_closed_forms(linear_codes):
    # So noisy that 5000 encodings cannot be told apart: their mixture is the Gaussian.
    mixing, noise = np.array([[1.0, 0.0], [0.8, 0.6]]), np.array([0.5, 0.8])
    results = measure(linear_codes(mixing, noise, seed=1))
    cov = mixing @ mixing.T + np.diag(noise)
    exact = {
        "index_code_mi": 0.5 * np.log(np.linalg.det(cov) / noise.prod()),
        "total_correlation": 0.5 * np.log(np.diag(cov).prod() / np.linalg.det(cov)),
        "dimension_wise_kl": 0.5 * (np.diag(cov) - np.log(np.diag(cov)) - 1).sum(),
        "marginal_kl": gaussian_kl(cov),
    }
    for key, value in exact.items():
        # Four standard errors of the draws, and as much for 5000 random images.
        error = results[f"{key}_stderr"]
        assert 0 < error < 0.03
        assert abs(results[key] - value) < 6 * error + 0.01, key
    np.testing.assert_allclose(
        results["latent_mutual_information"],
        0.5 * np.log(np.diag(cov) / noise),
        atol=0.05,
    )
    assert results["index_code_mi_limit"] == pytest.approx(math.log(5000))


@pytest.mark.parametrize("seed", range(5))
def test_the_terms_add_up_to_the_analytic_kl(linear_codes, seed):
    mixing = np.random.default_rng(seed).standard_normal((4, 4))
    results = measure(linear_codes(mixing, 0.05, 300, seed), num_draws=1000)
    terms = sum(
        results[key]
        for key in ("index_code_mi", "total_correlation", "dimension_wise_kl")
    )
    assert terms == pytest.approx(results["kl_from_terms"], rel=1e-9)
    assert results["index_code_mi"] + results["marginal_kl"] == pytest.approx(terms)
    assert results["kl"] == pytest.approx(sum(results["latent_kl"]))
    assert abs(results["kl_error"]) < 4 * results["kl_error_stderr"]


def test_separate_encodings_know_their_index_and_no_more(linear_codes):
    results = measure(linear_codes(np.eye(3), 1e-8, 200))
    assert results["index_code_mi"] == pytest.approx(math.log(200), abs=1e-6)


def test_two_images_by_enumeration():
    # q(z) = 1/2 N(-1, s2) + 1/2 N(1, s2), in one dimension by quadrature.
    s2 = 0.3
    z = np.linspace(-12, 12, 200001)
    own = np.exp(-0.5 * (z - 1) ** 2 / s2) / math.sqrt(2 * math.pi * s2)
    q = 0.5 * (own + own[::-1])
    step = z[1] - z[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.nansum(own * np.log(own / q)) * step
    prior = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    marginal = np.sum(np.where(q > 0, q * np.log(q / prior), 0)) * step
    array = np.full((2, 2, 1), math.log(s2))
    array[:, 0, 0] = [-1, 1]
    codes = codes_from_array(array, np.zeros((2, 1)))
    results = measure(codes, num_draws=20000)
    for key, exact in (("index_code_mi", information), ("marginal_kl", marginal)):
        assert abs(results[key] - exact) < 4 * results[f"{key}_stderr"], key
    assert results["total_correlation"] == pytest.approx(0, abs=1e-12)


def test_the_whole_data_set_on_request(finite_data, encoder):
    results = compute_elbo_decomposition(
        finite_data,
        encoder,
        np.random.RandomState(0),
        whole_dataset=True,
        num_draws=200,
    )
    assert results["num_encodings"] == 320
    assert results["whole_dataset"] and not results["index_code_mi_saturated"]


@pytest.mark.parametrize("num_train, whole", [(319, False), (320, True), (1000, True)])
def test_the_whole_data_set_where_it_is_no_more_work(
    finite_data, encoder, num_train, whole
):
    for codes in (
        None,
        codes_lib.encode(finite_data, encoder, np.random.RandomState(1)),
    ):
        options = dict(num_train=num_train, num_draws=200)
        if codes is not None:
            options["codes"] = codes.head(num_train)
        results = compute_elbo_decomposition(
            finite_data, encoder, np.random.RandomState(0), **options
        )
        assert results["whole_dataset"] == whole
        assert results["num_encodings"] == (320 if whole else num_train)
    results = compute_elbo_decomposition(
        finite_data,
        encoder,
        np.random.RandomState(0),
        num_train=num_train,
        num_draws=200,
        whole_dataset=False,
    )
    assert results["num_encodings"] == num_train


def test_more_than_an_image_per_combination_is_no_whole_data_set(data, encoder):
    """As in SmallNORB, whose 4860 combinations are fewer than 5000 images."""

    def sharp(observations):
        array = encoder(observations)
        array[:, 1] = -20.0
        return array

    results = compute_elbo_decomposition(
        data, sharp, np.random.RandomState(0), num_train=400, num_draws=200
    )
    assert not results["whole_dataset"] and results["num_encodings"] == 400
    assert results["index_code_mi_saturated"]
    assert "num_train" in results["reasons"]["index_code_mi_saturated"]
    results = compute_elbo_decomposition(
        data, sharp, np.random.RandomState(0), whole_dataset=True, num_draws=200
    )
    assert results["num_encodings"] == 320
    assert not results["whole_dataset"] and results["index_code_mi_saturated"]


def test_weighted_factors_are_sampled_and_not_enumerated(finite_data, encoder):
    uniform = weighted.WeightedFactors(finite_data)
    skewed = weighted.WeightedFactors(finite_data, {"shape": [5, 1, 1, 1]})
    for data, whole in ((uniform, True), (skewed, False)):
        results = compute_elbo_decomposition(
            data, encoder, np.random.RandomState(0), num_train=400, num_draws=200
        )
        assert results["whole_dataset"] is whole
    with pytest.raises(UserError, match="this data set weighs them"):
        compute_elbo_decomposition(
            skewed, encoder, np.random.RandomState(0), whole_dataset=True
        )


def test_codes_of_a_whole_data_set_are_used_and_never_saturated(finite_data, encoder):
    def sharp(observations):
        array = encoder(observations)
        array[:, 1] = -20.0
        return array

    codes = codes_lib.encode_all(finite_data, sharp, np.random.RandomState(0))
    results = measure(codes, num_draws=200)
    assert results["whole_dataset"] and not results["index_code_mi_saturated"]
    assert results["index_code_mi"] == pytest.approx(math.log(320), abs=1e-6)
    assert results["reasons"] == {}
    assert not measure(codes.head(319), num_draws=200)["whole_dataset"]


@pytest.mark.parametrize(
    "noise, num_latent, saturated", [(0.5, 2, False), (0.1, 2, True), (0.01, 8, True)]
)
def test_saturation_is_found_and_put_beside_the_numbers(
    linear_codes, noise, num_latent, saturated
):
    # I(z;x) = D/2 log(1 + 1/variance): 1.6, 4.6 and 36.8 nats; TC = 0.
    exact = 0.5 * num_latent * math.log(1 + noise**-2)
    codes = linear_codes(np.eye(num_latent), noise**2, 1000)
    results = measure(codes, num_draws=1000)
    assert results["index_code_mi_saturated"] is saturated
    error = 4 * results["index_code_mi_stderr"] + 0.1
    assert results["index_code_mi"] < exact + error
    if results["index_code_mi_upper"] is not None:
        assert exact < results["index_code_mi_upper"] + error
    else:
        assert "index_code_mi_upper" in results["not_computed"]
        assert "overlap with no other" in results["reasons"]["index_code_mi_upper"]
    if saturated:
        reason = results["reasons"]["index_code_mi_saturated"]
        assert "1000 images" in reason and "whole_dataset = True" in reason
    else:
        assert abs(results["total_correlation"]) < 0.1
        assert results["reasons"] == {}


def test_plain_codes_are_not_enough_and_say_so(data, encoder):
    results = compute_elbo_decomposition(
        data, lambda x: encoder(x)[:, 0], np.random.RandomState(0), num_train=50
    )
    assert "kl" in results["not_computed"] and results["kl"] is None
    assert "mean_and_logvar" in results["reasons"]["kl"]


def test_reconstruction_error_of_known_pixels():
    images = np.array([0.0, 1.0, 0.5, 0.25]).reshape(1, 2, 2, 1)
    logits = np.zeros_like(images)
    bernoulli, squared = reconstruction_error(images, logits)
    assert bernoulli[0] == pytest.approx(4 * math.log(2))
    assert squared[0] == pytest.approx(0.25 + 0.25 + 0 + 0.0625)
    # tanh(x)/2 + 1/2 is the sigmoid of 2x.
    output = np.array([-1.0, 0.3, 2.0, 0.1]).reshape(images.shape)
    np.testing.assert_allclose(
        reconstruction_error(images, output, "'tanh'"),
        reconstruction_error(images, 2 * output),
    )


def test_a_model_dir_without_a_module_is_named(tmp_path, linear_codes):
    with pytest.raises(UserError, match="model_dir=.*dlib_train"):
        measure(linear_codes([[1.0]], 0.1, 10), model_dir=str(tmp_path), num_draws=10)


def test_one_draw_has_no_error_and_is_refused(linear_codes):
    with pytest.raises(UserError, match="elbo_decomposition.num_draws=1"):
        measure(linear_codes([[1.0]], 0.1, 10), num_draws=1)
