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


def cauchy(seed, num_samples):
    """Student's t of one degree of freedom in two latents, uncorrelated."""
    random = np.random.default_rng(seed)
    z = random.standard_normal((num_samples, 2))
    return z / np.sqrt(random.chisquare(1, (num_samples, 1)))


# 2 log(4 pi) - (log(2 pi) + 3): twice the entropy of one latent less that of both.
CAUCHY = math.log(8 * math.pi) - 3


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tails_do_not_matter(seed):
    got = tc.discriminator(cauchy(seed, 4000), seed, 1000, hidden=(32, 32))
    assert abs(got.value - CAUCHY) < 4 * got.standard_error + 0.03
    assert got.trusted


def test_monotone_maps_of_latents_change_nothing():
    z = correlated(0, 1000, 0.8)
    bent = np.stack([np.exp(9 * z[:, 0]), 1e12 * z[:, 1] ** 3 - 7], axis=1)
    short = dict(max_steps=100, hidden=(16,))
    same = tc.discriminator(z, 0, **short)
    assert tc.discriminator(bent, 0, **short).value == pytest.approx(
        same.value, abs=0.02
    )


@pytest.mark.parametrize("seed", range(6))
def test_one_outlier_that_the_training_half_may_not_have(seed):
    z = correlated(seed, 64, 0.0)
    z = np.concatenate([z, np.zeros((64, 1))], axis=1)
    z[seed, 2] = 1e6
    got = tc.discriminator(z, seed, 100, hidden=(16,))
    assert abs(got.value) < 4 * got.standard_error + 0.2
    shuffled = np.random.default_rng(seed).permutation(z)
    if np.ptp(shuffled[:32, 2]) == 0:
        assert "constant in the training half, 1 of 3" in got.reason
    both = np.zeros((64, 2))
    both[seed] = 1.0
    got = tc.discriminator(both, seed, 100, hidden=(16,))
    assert np.isfinite(got.value)
    assert got.num_steps > 0 or "2 of 2" in got.reason


class Fixed(tc.Discriminator):
    """A discriminator whose logits are a given function of samples."""

    def __init__(self, function):
        super().__init__([0, 0], [1, 1], np.random.default_rng(0), (2,))
        self.logits = function


def optimal_logits(rho):
    def logits(z):
        square = (z[:, 0] ** 2 - 2 * rho * z[:, 0] * z[:, 1] + z[:, 1] ** 2) / (
            1 - rho**2
        )
        return 0.5 * ((z**2).sum(axis=1) - square - math.log(1 - rho**2))

    return logits


@pytest.mark.parametrize("seed", range(5))
def test_what_a_wrong_discriminator_says_is_doubted_though_its_normaliser_is_one(seed):
    rho = 0.8
    joint, optimal = correlated(seed, 2000, rho), optimal_logits(rho)
    shuffled = tc.shuffle_latents(correlated(seed + 100, 2000, rho), seed)
    right = Fixed(optimal).estimate(joint, shuffled)
    assert right.trusted and right.normaliser == pytest.approx(1, abs=0.3)
    assert right.value == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.1)

    # One wild logit among two thousand.
    def wild(z):
        return optimal(z) + 600 * (z[:, 0] == joint[0, 0])

    got = Fixed(wild).estimate(joint, shuffled)
    assert got.normaliser == right.normaliser and got.value > right.value + 0.2
    assert not got.trusted and "held-out samples cannot confirm" in got.reason

    # Twice as sure as it may be, with the constant that makes the normaliser one.
    def bold(z):
        return 2 * optimal(z) - math.log(np.mean(np.exp(2 * optimal(shuffled))))

    got = Fixed(bold).estimate(joint, shuffled)
    assert got.normaliser == pytest.approx(1)
    assert abs(got.value - right.value) > 0.05
    assert not got.trusted and "wrong on held-out samples" in got.reason
    got = Fixed(lambda z: optimal(z) + 3).estimate(joint, shuffled)
    assert not got.trusted and "normaliser" in got.reason


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
    with (
        pytest.raises(tc.InputError, match="learning_rate=1e[+]30"),
        np.errstate(all="ignore"),
    ):
        tc.discriminator(correlated(0, 100, 0.0), max_steps=50, learning_rate=1e30)
