# SPDX-License-Identifier: Apache-2.0
"""Total correlation by a discriminator between q(z) and the product of its marginals.

A classifier D that tells samples of q(z) from samples with every latent shuffled has,
at its optimum, the logit log q(z) - sum_k log q(z_k). So TC = E_q [log D / (1 - D)],
the estimate that FactorVAE [1] trains on (eq. 6 of [2] lacks the logarithm). Here the
expectation is taken over samples that the classifier has never seen: on its own
training data it would measure its memory.

The classifier is a small perceptron with leaky rectifiers, the kind that FactorVAE
uses, in plain NumPy: a step takes about a millisecond, of which a general library's
argument checks would make several.

#### References
[1] Kim, Mnih. Disentangling by Factorising, 2018. https://arxiv.org/abs/1802.05983
[2] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
"""

import copy
import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
import threadpoolctl
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from rtc_plugin.total_correlation import checks
from rtc_plugin.total_correlation.checks import Seed


class HeldOutEstimate(NamedTuple):
    """A discriminator's estimate on held-out samples.

    Attributes:
        value: Total correlation, nats. If trusted, a lower bound up to its noise: a
            calibrated discriminator has not seen more dependence than there is.
        standard_error: Of the mean over held-out samples, for this discriminator; the
            error of the discriminator itself is not in it.
        normaliser: Mean of exp(logit) over held-out shuffled samples, 1 for the optimal
            discriminator; 1 does not make it optimal.
        num_steps: Optimiser steps behind the discriminator that was kept.
        reason: Why the value is not to be trusted, in one sentence; None if nothing
            speaks against it.
    """

    value: float
    standard_error: float
    normaliser: float
    num_steps: int
    reason: Optional[str] = None

    @property
    def trusted(self):
        """Whether nothing speaks against the value."""
        return self.reason is None


class Discriminator:
    """A classifier of samples against shuffled samples, trained by Adam.

    Args:
        center: [num_latent] subtracted from the input.
        scale: [num_latent] divides the input.
        random: `numpy.random.Generator` for the initial weights (He's).
        hidden: Units of the hidden layers (leaky rectified linear, slope 0.2).
    """

    _SLOPE, _BETA1, _BETA2, _EPSILON = np.float32([0.2, 0.9, 0.999, 1e-8])

    def __init__(self, center, scale, random, hidden=(128, 128)):
        self._center = np.asarray(center, np.float64)
        self._scale = np.asarray(scale, np.float64)
        self._parameters = []
        sizes = (self._center.size, *hidden, 1)
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
            weights = random.standard_normal((fan_in, fan_out)) * (2 / fan_in) ** 0.5
            self._parameters += [weights.astype(np.float32), np.zeros(fan_out, "f4")]
        self._moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self._parameters]
        self.num_steps = 0

    def step(self, joint, shuffled, learning_rate):
        """Takes one Adam step (0.9, 0.999) on [batch_size, num_latent] samples."""
        layers = self._forward(np.concatenate([joint, shuffled]))
        logits = layers[-1]
        labels = np.repeat(np.float32([1, 0]), [len(joint), len(shuffled)])[:, None]
        gradient = (special.expit(logits) - labels) / np.float32(len(logits))
        self.num_steps += 1
        rate = learning_rate * math.sqrt(1 - float(self._BETA2) ** self.num_steps)
        rate = np.float32(rate / (1 - float(self._BETA1) ** self.num_steps))
        for layer in reversed(range(len(layers) - 1)):
            weights = self._parameters[2 * layer]
            inputs = layers[layer]
            weights_gradient, bias_gradient = inputs.T @ gradient, gradient.sum(axis=0)
            gradient = gradient @ weights.T
            gradient *= np.where(inputs > 0, np.float32(1), self._SLOPE)
            self._adam(2 * layer, weights_gradient, rate)
            self._adam(2 * layer + 1, bias_gradient, rate)

    def logits(self, z):
        """Returns log D(z) / (1 - D(z)), [num_samples]."""
        return self._forward(z)[-1][:, 0].astype(np.float64)

    def loss(self, joint, shuffled):
        """Returns the cross-entropy, in nats; log 2 is what a coin achieves."""
        return 0.5 * float(
            np.mean(np.logaddexp(0.0, -self.logits(joint)))
            + np.mean(np.logaddexp(0.0, self.logits(shuffled)))
        )

    def calibrate(self, joint, shuffled):
        """Shifts all logits by the constant that minimises the `loss`.

        Adam leaves the constant a few hundredths off, which is all there is to see
        when the latents are independent. At the minimum the mean probability is 1/2.
        """
        logits = np.concatenate([self.logits(joint), self.logits(shuffled)])
        share = len(joint) / len(logits)
        reach = np.abs(logits).max() + 1.0
        shift = optimize.brentq(
            lambda s: np.mean(special.expit(logits + s)) - share, -reach, reach
        )
        self._parameters[-1] += np.float32(shift)

    def estimate(self, joint, shuffled):
        """Returns the `HeldOutEstimate` on samples that `step` has not seen."""
        logits, shuffled_logits = self.logits(joint), self.logits(shuffled)
        value = float(np.mean(logits))
        with np.errstate(over="ignore"):
            normaliser = float(np.mean(np.exp(shuffled_logits)))
        return HeldOutEstimate(
            value=value,
            standard_error=float(np.std(logits, ddof=1) / math.sqrt(len(logits))),
            normaliser=normaliser,
            num_steps=self.num_steps,
            reason=_reason_for_doubt(logits, shuffled_logits, value, normaliser),
        )

    def _forward(self, z):
        """Returns the inputs of all layers, and the logits."""
        layers = [((z - self._center) / self._scale).astype(np.float32)]
        for i in range(0, len(self._parameters), 2):
            output = layers[-1] @ self._parameters[i] + self._parameters[i + 1]
            if i + 2 < len(self._parameters):
                np.maximum(output, self._SLOPE * output, out=output)
            layers.append(output)
        return layers

    def _adam(self, index, gradient, rate):
        first, second = self._moments[index]
        first += (1 - self._BETA1) * (gradient - first)
        second += (1 - self._BETA2) * (gradient**2 - second)
        self._parameters[index] -= rate * first / (np.sqrt(second) + self._EPSILON)


def _reason_for_doubt(logits, shuffled_logits, value, normaliser):
    """Returns what speaks against a value, judged on held-out samples; or None.

    The normaliser alone lets pass what a few extreme logits have made of the value.
    """
    tolerance = 0.05 * max(1.0, abs(value))
    limit = math.log(len(logits))
    clipped, shuffled = (np.clip(x, -limit, limit) for x in (logits, shuffled_logits))
    beyond = value - clipped.mean()
    if abs(beyond) > tolerance:
        return (
            f"{beyond:.3g} nats of it are logits beyond log {len(logits)}, which "
            f"{len(logits)} held-out samples cannot confirm."
        )
    if not 0.5 < normaliser < 2.0:
        return f"Its normaliser is {normaliser:.3g} and not 1."

    def loss(constant_and_slope):
        constant, slope = constant_and_slope
        return np.mean(np.logaddexp(0.0, -constant - slope * clipped)) + np.mean(
            np.logaddexp(0.0, constant + slope * shuffled)
        )

    best = optimize.minimize(loss, [0.0, 1.0], bounds=[(-limit, limit), (0.0, 2.0)])
    recalibrated = best.x[0] + best.x[1] * clipped.mean()
    # A likelihood-ratio test of two parameters, at a level of 0.001.
    significant = 2.0 * len(logits) * (loss([0.0, 1.0]) - best.fun) > 13.8
    if significant and abs(recalibrated - value) > tolerance:
        return (
            "Its probabilities are wrong on held-out samples; calibrated on them, it "
            f"gives {recalibrated:.3g} nats."
        )
    return None


# Its products are so small that waiting for idle threads would take most of the time.
@threadpoolctl.threadpool_limits.wrap(limits=1, user_api="blas")
def discriminator(
    samples: ArrayLike,
    random_state: Seed = 0,
    max_steps: int = 5000,
    batch_size: int = 256,
    patience: int = 10,
    hidden: Sequence[int] = (128, 128),
    learning_rate: float = 1e-3,
) -> HeldOutEstimate:
    """Estimates total correlation by a discriminator, on held-out samples.

    Half of the samples train, a quarter decides when to stop (after `patience` checks
    without improvement, one every 50 steps; the best state is kept) and calibrates, a
    quarter gives the estimate. It needs many samples: a few thousand resolve a few
    nats, and no method of this kind can show more than about the logarithm of their
    number. Each latent is replaced by its normal scores, by the ranks of the training
    half; that changes no total correlation and takes heavy tails and outliers away.
    A latent that is constant in the training half is left out.

    Args:
        samples: [num_samples, num_latent] array, 16 rows or more.
        random_state: Seed, RandomState or Generator.
        max_steps: Optimiser steps at most.
        batch_size: Samples of either kind in a step.
        patience: Checks without improvement before stopping.
        hidden: Units of the hidden layers.
        learning_rate: Of Adam.

    Returns:
        `HeldOutEstimate`; look at its `reason`. Exactly 0 if fewer than two latents
        vary.

    Raises:
        ValueError: `samples` is no finite matrix of at least 16 rows, or the training
            diverges (a `learning_rate` that is too large).
    """
    samples = checks.matrix(samples, "samples", min_rows=16)
    checks.positive_integer(max_steps, "max_steps")
    checks.positive_integer(batch_size, "batch_size")
    samples = samples[:, np.ptp(samples, axis=0) > 0]
    if samples.shape[1] < 2:
        return HeldOutEstimate(0.0, 0.0, 1.0, 0)
    random = checks.random_generator(random_state)
    samples = random.permutation(samples)
    num_train = len(samples) // 2
    varies = np.ptp(samples[:num_train], axis=0) > 0
    left_out = None
    if not varies.all():
        left_out = (
            f"Latents constant in the training half, {np.count_nonzero(~varies)} of "
            f"{len(varies)}, are left out."
        )
    if np.count_nonzero(varies) < 2:
        return HeldOutEstimate(0.0, 0.0, 1.0, 0, left_out)
    samples = _normal_scores(samples[:, varies], num_train)
    train, check, held_out = np.split(samples, [num_train, 3 * len(samples) // 4])
    num_latent = train.shape[1]
    current = Discriminator(np.zeros(num_latent), np.ones(num_latent), random, hidden)
    check_shuffled = shuffle_latents(check, random)
    best, best_loss, waited = None, math.inf, 0
    while current.num_steps < max_steps and waited < patience:
        batch = train[random.integers(len(train), size=batch_size)]
        rows = random.integers(len(train), size=(batch_size, train.shape[1]))
        current.step(batch, np.take_along_axis(train, rows, axis=0), learning_rate)
        if current.num_steps % 50 == 0 or current.num_steps == max_steps:
            loss = current.loss(check, check_shuffled)
            waited += 1
            if loss < best_loss:
                best, best_loss, waited = copy.deepcopy(current), loss, 0
    if best is None:
        raise checks.InputError(f"learning_rate={learning_rate} lets training diverge.")
    best.calibrate(check, check_shuffled)
    estimate = best.estimate(held_out, shuffle_latents(held_out, random))
    return estimate._replace(reason=estimate.reason or left_out)


def _normal_scores(samples, num_train):
    """Maps each latent to normal scores by the ranks of its first num_train values.

    Total correlation does not change under monotone maps of single latents, and a
    network learns from a few outliers in heavy tails and nothing else.
    """
    scores = np.empty_like(samples)
    for k, latent in enumerate(samples.T):
        values, counts = np.unique(latent[:num_train], return_counts=True)
        rank = (np.cumsum(counts) - 0.5 * counts) / num_train
        scores[:, k] = np.interp(latent, values, special.ndtri(rank))
    return scores


def shuffle_latents(samples: ArrayLike, random_state: Seed) -> NDArray:
    """Returns samples with every latent permuted on its own: independent latents."""
    return checks.random_generator(random_state).permuted(samples, axis=0)
