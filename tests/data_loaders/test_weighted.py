# SPDX-License-Identifier: Apache-2.0
"""Weighted factors: the joint distribution is the one asked for."""

import gin
import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import dummy_data

from rtc_plugin.data.ground_truth import named_data, shapes3d_rendered, weighted
from rtc_plugin.errors import UserError

BASE = shapes3d_rendered.Shapes3DRendered()


def frequencies(data, positions, num=40000):
    factors = data.sample_factors(num, np.random.RandomState(0))[:, positions]
    sizes = [data.factors_num_values[i] for i in positions]
    counts = np.zeros(sizes)
    np.add.at(counts, tuple(factors.T), 1)
    return counts / num


def assert_frequencies(found, expected, num=40000):
    """Five standard errors of a proportion, in every cell."""
    error = np.sqrt(expected * (1 - expected) / num)
    assert np.all(np.abs(found - expected) <= 5 * error)


def test_without_weights_all_is_uniform_and_independent():
    found = frequencies(weighted.WeightedFactors(BASE), [3, 4])
    assert_frequencies(found, np.full((8, 4), 1 / 32))


def test_marginals_are_the_weights():
    weights = [0, 5, 1, 0, 2, 2, 0, 0]
    data = weighted.WeightedFactors(BASE, {"scale": weights})
    assert_frequencies(frequencies(data, [3]), np.array(weights) / 10)


def test_a_factor_can_be_given_by_its_position():
    by_name = weighted.WeightedFactors(BASE, {"shape": [1, 2, 3, 4]})
    by_position = weighted.WeightedFactors(BASE, {4: [1, 2, 3, 4]})
    np.testing.assert_array_equal(
        frequencies(by_name, [4]), frequencies(by_position, [4])
    )


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_dependency_has_the_stated_joint_and_keeps_the_marginals(strength):
    p, q = np.array([1, 2, 3, 2, 1, 1, 0, 0]) / 10, np.array([4, 3, 2, 1]) / 10
    data = weighted.WeightedFactors(
        BASE, {"scale": p, "shape": q}, ("scale", "shape"), strength
    )
    joint = (1 - strength) * np.outer(p, q) + strength * weighted.monotone_coupling(
        p, q
    )
    np.testing.assert_allclose(joint.sum(1), p)
    np.testing.assert_allclose(joint.sum(0), q)
    assert_frequencies(frequencies(data, [3, 4]), joint)
    assert data.factor_mutual_information == pytest.approx(
        weighted.mutual_information(joint)
    )


def test_mutual_information_in_closed_form():
    """Ten uniform values: strength 1 makes them equal, which is log 10 nats."""

    def information(strength):
        return weighted.WeightedFactors(
            BASE, None, ("floor_hue", "wall_hue"), strength
        ).factor_mutual_information

    assert information(0.0) == pytest.approx(0, abs=1e-12)
    assert information(1.0) == pytest.approx(np.log(10))
    # On the diagonal .1 * (.1 + .9 s), elsewhere .01 * (1 - s).
    same, other = 0.1 * (0.1 + 0.9 * 0.5), 0.01 * 0.5
    expected = 10 * same * np.log(100 * same) + 90 * other * np.log(100 * other)
    assert information(0.5) == pytest.approx(expected)


def test_observations_are_those_of_the_factors():
    data = weighted.WeightedFactors(BASE, {"scale": [0, 0, 0, 0, 0, 0, 0, 1]})
    factors, observations = data.sample(5, np.random.RandomState(0))
    assert np.all(factors[:, 3] == 7)
    np.testing.assert_array_equal(
        observations, BASE.sample_observations_from_factors(factors, None)
    )


def test_wraps_data_without_names_or_images_by_number():
    data = weighted.WeightedFactors(dummy_data.DummyData(), {0: [1, 0, 0, 0, 0]})
    assert not hasattr(data, "sample_indices")
    assert np.all(data.sample_factors(50, np.random.RandomState(0))[:, 0] == 0)
    assert data.sample_observations(2, np.random.RandomState(0)).shape == (2, 64, 64, 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (({"size": [1]},), "no factor 'size'; the factors are floor_hue"),
        (({7: [1]},), "no factor 7"),
        (({"shape": [1, 2]},), "must be 4 numbers, not 2"),
        (({"shape": [0, 0, 0, 0]},), "not all zero"),
        (({"shape": [1, 1, -1, 1]},), "none negative"),
        ((None, ("scale",), 0.5), "must be two factors"),
        ((None, ("scale", "scale"), 0.5), "two different factors"),
        ((None, ("scale", "shape"), 1.5), r"must lie in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        weighted.WeightedFactors(BASE, *arguments)


def test_gin_wraps_a_named_data_set_and_reports_the_information(capsys):
    gin.clear_config()
    gin.parse_config(
        """
        weighted_data.name = "shapes3d_rendered"
        weighted_sampling.dependent_factors = ("floor_hue", "wall_hue")
        weighted_sampling.strength = 1.0
        """
    )
    try:
        data = named_data.GROUND_TRUTH_DATA["weighted"]()
    finally:
        gin.clear_config()
    factors = data.sample_factors(100, np.random.RandomState(0))
    np.testing.assert_array_equal(factors[:, 0], factors[:, 1])
    assert "floor_hue and wall_hue" in capsys.readouterr().err
