# SPDX-License-Identifier: Apache-2.0
"""Total correlation of a Gaussian, from samples, ranks or a covariance.

For z ~ N(., S), TC(z) = 1/2 (log |diag S| - log |S|) = -1/2 log |Corr z|
(Proposition 1 of [1]). For any other law the same number is the total correlation of
the Gaussian with z's covariance. It sees linear dependence only: an uncorrelated ring
scores 0.

A latent that never varies is independent of all others, so it is left out; if fewer
than two latents vary, the total correlation is 0.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
[2] Liu, Lafferty, Wasserman. The Nonparanormal. JMLR 10, 2009.
"""

import math
from typing import Optional

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import special, stats

from rtc_plugin.total_correlation import checks

# What a network computes is off by a few roundings of its precision.
_ROUNDINGS = 4
# However little a latent varies, rounding is no explanation for more than this share.
_MAX_ROUNDING = 0.1


def gaussian(
    samples: ArrayLike,
    floor: Optional[float] = None,
    precision: Optional[DTypeLike] = None,
) -> float:
    """Returns the Gaussian total correlation of samples, in nats.

    It works on the singular values of the standardised samples, which keep twice the
    digits of those of a correlation matrix; latents may differ in scale by any factor.
    The estimate is biased upwards by about D(D-1)/(4(n-1)), see `gaussian_bias`.

    Args:
        samples: [num_samples, num_latent] array.
        floor: If given, eigenvalues of the correlation matrix below it are raised to
            it, so that the answer is finite.
        precision: Floating-point type that the samples were computed in; if None,
            what `checks.precision_of` finds.

    Returns:
        Float in [0, inf]. `inf` if latents are linearly dependent within the rounding
        error of the samples' precision (so float32 copies count as copies), as they
        always are if num_samples <= num_latent.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    precision = precision or checks.precision_of(samples)
    samples = checks.matrix(samples, "samples")
    # Powers of two scale without rounding.
    samples = np.ldexp(samples, -np.frexp(np.abs(samples).max(axis=0))[1])
    size = np.linalg.norm(samples, axis=0)
    return of_rows(center(samples), size, precision, floor)


def center(samples: ArrayLike) -> NDArray:
    """Returns samples without their mean, to the last digit."""
    centered = samples - samples.mean(axis=0)
    # The second mean is what the first missed.
    return centered - centered.mean(axis=0)


def of_rows(
    rows: ArrayLike,
    size: ArrayLike,
    precision: DTypeLike,
    floor: Optional[float] = None,
) -> float:
    """Returns the total correlation of the Gaussian of covariance rows^T rows.

    Args:
        rows: [n, num_latent] array.
        size: [num_latent], Euclidean norm of each latent's values before they were
            centred, on which their rounding errors depend.
        precision: Floating-point type that the values were computed in.
        floor: As in `gaussian`.

    Returns:
        Float in [0, inf], as `gaussian`.
    """
    epsilon = np.finfo(np.float64).eps
    resolution = max(float(np.finfo(precision).eps), epsilon)
    norm = np.linalg.norm(rows, axis=0)
    varies = norm > 4.0 * epsilon * size
    if np.count_nonzero(varies) < 2:
        return 0.0
    rows, norm, size = rows[:, varies], norm[varies], size[varies]
    num_latent = len(norm)
    if len(rows) <= num_latent:
        return _from_eigenvalues(np.zeros(num_latent), floor)
    triangle = np.linalg.qr(rows / norm, mode="r")
    _, singular_values, directions = np.linalg.svd(triangle)
    # What rounding alone leaves of a direction in which latents are dependent. It must
    # be that of the direction: a latent that hardly varies would drown all others.
    share = np.minimum(_ROUNDINGS * resolution * size / norm, _MAX_ROUNDING)
    rounding = np.linalg.norm(directions * share, axis=1)
    rounding += 10 * num_latent * epsilon
    eigenvalues = np.where(singular_values > rounding, singular_values, 0.0) ** 2
    return _from_eigenvalues(eigenvalues, floor)


def gaussian_from_covariance(cov: ArrayLike, floor: Optional[float] = None) -> float:
    """Returns the total correlation of a Gaussian of covariance `cov`, in nats.

    Args:
        cov: [num_latent, num_latent] symmetric positive semi-definite matrix.
        floor: As in `gaussian`.

    Returns:
        Float in [0, inf]; `inf` if the correlation matrix is singular to rounding.

    Raises:
        ValueError: `cov` is not finite, square, symmetric, positive semi-definite.
    """
    cov = checks.matrix(cov, "cov", min_rows=1)
    if cov.shape[0] != cov.shape[1]:
        raise checks.InputError(f"cov must be square, got {cov.shape}.")
    variance = np.diag(cov)
    if np.any(variance < 0):
        raise checks.InputError("cov has a negative variance on its diagonal.")
    varies = variance > 0
    if np.any(cov[~varies] != 0) or np.any(cov[:, ~varies] != 0):
        raise checks.InputError(
            "cov has a latent of variance 0 that covaries with others."
        )
    if np.count_nonzero(varies) < 2:
        return 0.0
    scale = np.sqrt(variance[varies])
    corr = cov[np.ix_(varies, varies)] / scale / scale[:, None]
    if not np.allclose(corr, corr.T, rtol=0.0, atol=1e-8):
        raise checks.InputError("cov must be symmetric.")
    eigenvalues = np.linalg.eigvalsh(0.5 * (corr + corr.T))
    if eigenvalues[0] < -1e-6:
        raise checks.InputError("cov must be positive semi-definite.")
    rounding = len(corr) * np.finfo(np.float64).eps * eigenvalues[-1]
    eigenvalues = np.where(eigenvalues > rounding, eigenvalues, 0.0)
    return _from_eigenvalues(eigenvalues, floor)


def copula(samples: ArrayLike) -> float:
    """Returns the Gaussian total correlation of the samples' normal scores, in nats.

    Each latent is replaced by Phi^-1(rank / (n + 1)), so the number does not change
    under monotone maps of single latents and does not mind heavy tails or outliers
    (the nonparanormal of [2]). It equals the true total correlation if z has a
    Gaussian copula, and is as blind as `gaussian` to dependence without rank
    correlation. Equal values share their mean rank, so copies that rounding has tied
    here and there are a large finite number and not infinite.

    Args:
        samples: [num_samples, num_latent] array.

    Returns:
        Float in [0, inf].

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    samples = checks.matrix(samples, "samples")
    ranks = stats.rankdata(samples, axis=0)
    return gaussian(special.ndtri(ranks / (len(samples) + 1.0)), precision=np.float64)


def gaussian_bias(num_samples: int, num_latent: int) -> float:
    """Returns D(D-1)/(4(n-1)): the excess that `gaussian` shows on Gaussian data.

    The noise floor of a total correlation from n samples: independent latents score
    this on average. To first order in D/n the excess is the same at any correlation.
    """
    checks.positive_integer(num_samples, "num_samples", minimum=2)
    return num_latent * (num_latent - 1) / (4.0 * (num_samples - 1))


def gaussian_spread(num_samples: int, num_latent: int) -> float:
    """Returns the standard deviation of `gaussian` on independent Gaussian latents.

    Half the sum of D(D-1)/2 squared correlations, each chi^2_1 / (n-1):
    sqrt(D(D-1)) / (2(n-1)).
    """
    checks.positive_integer(num_samples, "num_samples", minimum=2)
    return math.sqrt(num_latent * (num_latent - 1)) / (2.0 * (num_samples - 1))


def _from_eigenvalues(eigenvalues, floor):
    if floor is not None:
        if not 0 < floor <= 1:
            raise checks.InputError(f"floor must be in (0, 1], got {floor!r}.")
        eigenvalues = np.maximum(eigenvalues, floor)
    if np.any(eigenvalues == 0):
        return math.inf
    # The eigenvalues' mean is 1, so only rounding can push this below 0.
    return max(0.0, float(-0.5 * np.sum(np.log(eigenvalues))))
