# SPDX-License-Identifier: Apache-2.0
import os

import gin
import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import named_data  # noqa: F401, for gin

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.measures import codes_from_array, results


def encode(data, function, **kwargs):
    return codes_lib.encode(data, function, np.random.RandomState(0), **kwargs)


def test_rank_three_is_mean_and_logvar_and_even_width_alone_is_not(data, encoder):
    both = encode(data, encoder, num_samples=50, batch_size=20)
    assert both.representation == "mean_and_logvar"
    assert both.z_mean.shape == both.z_logvar.shape == (50, 3)
    assert both.factors.shape == (50, 3)
    plain = encode(data, lambda x: np.hstack([x, x])[:, :4], num_samples=50)
    assert plain.representation == "mean"
    assert plain.z_mean.shape == (50, 4) and plain.z_logvar is None


def test_the_saved_configuration_tells_sampled_codes_from_means(tmp_path, data):
    folder = tmp_path / "results" / "gin"
    folder.mkdir(parents=True)
    (folder / "postprocess.gin").write_text(
        "postprocess.postprocess_fn = @sampled_representation\n"
    )
    for name in ("", "some_metric"):
        path = os.path.join(str(tmp_path), "artifacts", name)
        codes = encode(data, lambda x: x, num_samples=20, artifact_dir=path)
        assert codes.representation == "sampled"
        assert codes.z_mean is None
        np.testing.assert_array_equal(codes.draw(None), codes.plain)


def test_draws_have_the_encoders_moments(linear_codes):
    codes = linear_codes([[1.0]], 0.25, num_samples=20000)
    z = codes.draw(np.random.default_rng(1))
    # Standard error of a variance: 1.25 sqrt(2/20000) = 0.0125.
    assert z.var() == pytest.approx(1.25, abs=0.05)
    assert (z - codes.z_mean).var() == pytest.approx(0.25, abs=0.01)


def test_the_whole_data_set_has_each_combination_of_factors_once(data, encoder):
    codes = codes_lib.encode_all(data, encoder, np.random.RandomState(0))
    assert len(codes.factors) == 320 == len(np.unique(codes.factors, axis=0))


def test_same_seed_same_codes(data, encoder):
    first, second = (encode(data, encoder, num_samples=30) for _ in range(2))
    np.testing.assert_array_equal(first.z_mean, second.z_mean)


@pytest.mark.parametrize(
    "function, says",
    [
        (lambda x: x * np.nan, r"not finite in latents \[0, 1, 2, 3, 4, 5\]"),
        (lambda x: x / [1, 1, 0, 1, 1, 1], r"not finite in latents \[2\]"),
        (lambda x: x[:, 0], r"shape \[20\]"),
        (lambda x: np.zeros((len(x), 3, 2)), r"shape \[20, 3, 2\]"),
        (lambda x: np.zeros((len(x), 20)), "num_train=20 .* number of latents, 20"),
    ],
)
def test_bad_representations_end_in_one_line(data, function, says):
    with np.errstate(all="ignore"), pytest.raises(UserError, match=says) as caught:
        encode(data, function, num_samples=20)
    assert "\n" not in str(caught.value)


def test_images_that_the_module_does_not_take(data):
    def module(images):
        raise ValueError("Cannot feed value of shape (20, 6)")

    with pytest.raises(UserError, match="dataset.name"):
        encode(data, module, num_samples=20)


def test_another_data_set_than_the_models_is_said(tmp_path, data, encoder, caplog):
    folder = tmp_path / "results" / "gin"
    folder.mkdir(parents=True)
    (folder / "train.gin").write_text("dataset.name = 'cars3d'\n")
    gin.clear_config()
    gin.bind_parameter("dataset.name", "shapes3d")
    with caplog.at_level("WARNING", logger="absl"):
        encode(
            data,
            encoder,
            num_samples=20,
            artifact_dir=str(tmp_path / "artifacts" / "x"),
        )
    gin.clear_config()
    assert "trained on cars3d and is measured on shapes3d" in caplog.text


@pytest.mark.parametrize("precision", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("plain", [True, False])
def test_the_precision_of_a_representation_travels_with_it(data, precision, plain):
    def represent(observations):
        z = (observations / 3).astype(precision)
        return z if plain else np.stack([z, np.zeros_like(z)], axis=1)

    codes = encode(data, represent, num_samples=30, batch_size=20)
    assert codes.precision == precision
    assert codes.plain.dtype == np.float64
    assert codes.head(10).precision == precision


def test_an_array_that_somebody_has_cast_keeps_its_precision():
    factors = np.zeros((50, 1))
    z = np.random.default_rng(0).standard_normal((50, 2))
    assert codes_from_array(z, factors).precision == np.float64
    cast = z.astype(np.float32).astype(np.float64)
    assert codes_from_array(cast, factors).precision == np.float32
    both = np.stack([cast, np.full((50, 2), 0.1)], axis=1)
    assert codes_from_array(both, factors).precision == np.float32


def test_what_an_estimator_refuses_is_the_users_and_any_other_error_is_ours():
    with pytest.raises(UserError, match="some_metric cannot be computed: samples has"):
        with results.estimating("some_metric"):
            tc.gaussian(np.full((5, 2), np.nan))
    for mistake in (ValueError("operands could not be broadcast"), KeyError("z")):
        with pytest.raises(type(mistake)) as caught:
            with results.estimating("some_metric"):
                raise mistake
        assert not isinstance(caught.value, UserError)


def test_json_gets_plain_numbers_and_never_nan():
    plain = results.to_json(
        {"a": np.float32(1), "b": np.eye(2), "c": [np.int64(2), None], "d": "e"}
    )
    assert plain == {"a": 1.0, "b": [[1.0, 0.0], [0.0, 1.0]], "c": [2, None], "d": "e"}
    assert type(plain["a"]) is float and type(plain["c"][0]) is int
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="score is not finite"):
            results.to_json({"score": [[1.0, bad]]})


def test_block_standard_error_of_a_mean():
    x = np.random.default_rng(0).standard_normal((20000, 1))
    error = results.block_standard_error(np.mean, x, num_blocks=50)
    # Relative error of a standard deviation from 50 blocks: 10 %.
    assert error == pytest.approx(1 / np.sqrt(20000), rel=0.3)
