# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from rtc_plugin import total_correlation as tc


def correlated(seed, num_samples, rho):
    random = np.random.default_rng(seed)
    return random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=num_samples)


def test_a_step_goes_downhill_in_every_parameter():
    random = np.random.default_rng(0)
    joint, shuffled = correlated(0, 64, 0.9), random.standard_normal((64, 2))
    network = tc.Discriminator([0, 0], [1, 1], random, (8, 8))
    parameters = network._parameters
    before = [p.copy() for p in parameters]
    network.step(joint, shuffled, 1e-3)
    after = [p.copy() for p in parameters]

    def loss_with(index, array):
        for i, (target, value) in enumerate(zip(parameters, before)):
            target[...] = array if i == index else value
        return network.loss(joint, shuffled)

    start = loss_with(None, None)
    for index, array in enumerate(after):
        # Adam's first step: the rate's size and the sign of minus the gradient.
        moved = np.abs(array - before[index])
        assert np.all((moved < 1.01e-3) & ((moved > 0.9e-3) | (moved == 0)))
        assert loss_with(index, array) < start


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_bivariate_gaussian(rho):
    truth = -0.5 * math.log(1 - rho**2)
    for seed in range(2):
        got = tc.discriminator(correlated(seed, 8000, rho), seed, hidden=(64, 64))
        # The network itself is worth a few hundredths of a nat.
        assert abs(got.value - truth) < 4 * got.standard_error + 0.03
        assert got.normaliser == pytest.approx(1.0, abs=0.2)


def test_sees_dependence_without_correlation():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * math.pi, 8000)
    samples = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    samples += 0.1 * random.standard_normal((8000, 2))
    assert tc.discriminator(samples, 0, 1500).value == pytest.approx(0.6789, abs=0.1)


def test_same_seed_same_number():
    samples = correlated(0, 500, 0.5)
    short = dict(max_steps=60)
    assert tc.discriminator(samples, 3, **short) == tc.discriminator(
        samples, 3, **short
    )
    assert tc.discriminator(samples, 3, **short) != tc.discriminator(
        samples, 4, **short
    )


def test_trivial_and_bad_input():
    assert tc.discriminator(np.random.default_rng(0).random((20, 1))).value == 0.0
    with pytest.raises(ValueError, match="samples needs at least 16 rows"):
        tc.discriminator(np.zeros((15, 2)))
    with pytest.raises(ValueError, match="max_steps must be an integer"):
        tc.discriminator(correlated(0, 100, 0.0), max_steps=0)
