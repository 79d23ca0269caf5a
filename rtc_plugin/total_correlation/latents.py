# SPDX-License-Identifier: Apache-2.0
"""What each latent of a Gaussian encoder carries: signal, noise, information.

A dead latent of an ordinary VAE has variance 1 and no KL divergence, so thresholds on
either find it. With a variance penalty of weight eta its variance is 1/(1 + 2 eta) and
its KL divergence exceeds one nat: every such threshold calls it alive. The share of
signal in the latent's total variance is free of scale and right for both.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
[2] Bonheme, Grzes. Be More Active! JMLR 2023. https://arxiv.org/abs/2109.12679
"""

import math
from typing import Optional

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import special

from rtc_plugin.total_correlation import checks, covariance

_LARGEST_LOG = math.log(np.finfo(np.float64).max)
ACTIVE, MIXED, PASSIVE = "active", "mixed", "passive"


def signal_share(z_mean: ArrayLike, z_logvar: ArrayLike) -> NDArray:
    """Returns r_k = Var mu_k / (Var mu_k + E sigma_k^2), the law of total variance.

    The noise share is 1 - r_k. The correlation matrices of mean and sampled codes are
    tied by Corr z = diag(1 - r) + r^(1/2) Corr mu r^(1/2), whatever the law of x.

    Args:
        z_mean: [num_samples, num_latent], means of the encodings.
        z_logvar: [num_samples, num_latent], log variances of the encodings.

    Returns:
        [num_latent] array in [0, 1]: 1 is a latent without noise, 0 one of noise only
        (or one that is constant).

    Raises:
        ValueError: Shapes differ, NaN or infinity, fewer than two encodings.
    """
    z_mean, z_logvar = checks.encodings(z_mean, z_logvar)
    # In logarithms: neither a latent of 1e200 nor a log variance of 1000 overflows.
    scale = np.abs(z_mean).max(axis=0)
    scale[scale == 0] = 1.0
    with np.errstate(divide="ignore"):
        log_signal = np.log((z_mean / scale).var(axis=0, ddof=1)) + 2 * np.log(scale)
    log_noise = special.logsumexp(z_logvar, axis=0) - math.log(len(z_logvar))
    return special.expit(log_signal - log_noise)


def gaussian_kl(z_mean: ArrayLike, z_logvar: ArrayLike) -> NDArray:
    """Returns KL(N(mu_k, sigma_k^2) || N(0, 1)) of every encoding and latent.

    Args:
        z_mean: [num_samples, num_latent], means of the encodings.
        z_logvar: [num_samples, num_latent], log variances of the encodings.

    Returns:
        [num_samples, num_latent] array, >= 0, nats. The mean over the samples of the
        sum over the latents is the KL term of a VAE.

    Examples:
        >>> gaussian_kl([[0.0, 2.0]], [[0.0, 0.0]]).tolist()
        [[0.0, 2.0]]
    """
    z_mean, z_logvar = np.float64(z_mean), np.float64(z_logvar)
    return 0.5 * (z_mean**2 + np.exp(z_logvar) - z_logvar - 1.0)


def classify_latents(
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    active_above: float = 0.9,
    passive_below: float = 0.1,
) -> NDArray:
    """Sorts latents into active, mixed and passive by their signal share r_k.

    In an ordinary VAE, where every latent's total variance is about 1, the defaults
    are the thresholds of [2] on the mean variance: active if E sigma_k^2 <= 0.1,
    passive if >= 0.9. They hold for any scale, so also for RTC models.

    Args:
        z_mean: [num_samples, num_latent], means of the encodings.
        z_logvar: [num_samples, num_latent], log variances of the encodings.
        active_above: r_k from here on is active.
        passive_below: r_k up to here is passive; what is between is mixed.

    Returns:
        [num_latent] array of the strings `ACTIVE`, `MIXED`, `PASSIVE`.

    Raises:
        ValueError: As `signal_share`, or unordered thresholds.
    """
    if not 0 <= passive_below < active_above <= 1:
        raise checks.InputError(
            "passive_below must be less than active_above, both in [0, 1], got "
            f"{passive_below!r} and {active_above!r}."
        )
    share = signal_share(z_mean, z_logvar)
    return np.select(
        [share >= active_above, share <= passive_below], [ACTIVE, PASSIVE], MIXED
    )


def gaussian_sampled(
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    floor: Optional[float] = None,
    precision: Optional[DTypeLike] = None,
) -> float:
    """Returns the Gaussian total correlation of the sampled code without sampling.

    Cov z = Cov mu + diag E sigma^2, so no noise needs to be drawn. Never more than the
    total correlation of the mean codes, `gaussian(z_mean)`, up to rounding.

    Args:
        z_mean: [num_samples, num_latent], means of the encodings.
        z_logvar: [num_samples, num_latent], log variances of the encodings.
        floor: As in `gaussian`.
        precision: As in `gaussian`, of the means.

    Returns:
        Float in [0, inf], nats.

    Raises:
        ValueError: As `signal_share`, or a variance is infinite.
    """
    precision = precision or checks.precision_of(z_mean)
    z_mean, z_logvar = checks.encodings(z_mean, z_logvar)
    num_samples = len(z_mean)
    log_noise = 0.5 * special.logsumexp(z_logvar, axis=0)
    log_noise += 0.5 * math.log((num_samples - 1) / num_samples)
    if log_noise.max() > _LARGEST_LOG:
        bad = np.flatnonzero(log_noise > _LARGEST_LOG).tolist()
        raise checks.InputError(f"exp(z_logvar) is infinite in columns {bad}.")
    noise = np.exp(log_noise)
    # Noise is a row of its own per latent, orthogonal to all others.
    exponent = np.frexp(np.maximum(np.abs(z_mean).max(axis=0), noise))[1]
    z_mean, noise = np.ldexp(z_mean, -exponent), np.ldexp(noise, -exponent)
    rows = np.vstack([covariance.center(z_mean), np.diag(noise)])
    size = np.linalg.norm(z_mean, axis=0)
    return covariance.of_rows(rows, size, precision, floor)
