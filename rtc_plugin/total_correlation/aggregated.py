# SPDX-License-Identifier: Apache-2.0
"""Exact densities of the aggregated posterior q(z) = 1/N sum_n q(z|n).

The aggregated posterior of an encoder over a data set of N images is a mixture of N
diagonal Gaussians, nothing more. Its log density and those of its marginals can be
evaluated exactly, so an expectation over q(z) has Monte-Carlo error only, and that
error is known.

That is the mixture over these N encodings. If they are a sample of a larger data set,
I(z;n) <= log N is in expectation too small for the whole, and TC mostly too large by as
much. Leaving the encoding that z came from out of the mixture errs on the other side
[1], so that the two enclose the I(z;x) of the law behind the sample.

#### References
[1] Poole et al. On Variational Bounds of Mutual Information, 2019.
    https://arxiv.org/abs/1905.06922 (section 2.4, the encoder being known)
"""

import math
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtc_plugin.total_correlation import checks, densities
from rtc_plugin.total_correlation.checks import Seed


class Estimate(NamedTuple):
    """A Monte-Carlo value in nats and its standard error."""

    value: float
    standard_error: float


class MixtureDecomposition(NamedTuple):
    """What the latents know and share under the aggregated posterior, in nats.

    The chain TC(z) = sum_k I(z_k;n) - I(z;n) holds for every sample, not only on
    average.

    Attributes:
        total_correlation: `Estimate` of TC(z).
        index_mutual_information: `Estimate` of I(z;n) <= log N.
        mutual_information: [num_latent] values of I(z_k;n) <= log N.
        mutual_information_standard_error: [num_latent] standard errors.
        index_mutual_information_upper: `Estimate` of what I(z;n) becomes without the
            own encoding in the mixture. If the encodings are a sample, I(z;x) of their
            law lies between the two. Infinite where an encoding overlaps with no other.
    """

    total_correlation: Estimate
    index_mutual_information: Estimate
    mutual_information: np.ndarray
    mutual_information_standard_error: np.ndarray
    index_mutual_information_upper: Estimate

    @property
    def saturated(self):
        """Whether the values say little of a law that the encodings are a sample of.

        I(z;n) is then close to log N; another N gives another I(z;n) and another TC.
        """
        return is_saturated(
            self.index_mutual_information.value,
            self.index_mutual_information_upper.value,
        )


# Nats between the bounds of I(z;x) that are too much.
_SATURATED = 0.1


def is_saturated(lower: float, upper: float) -> bool:
    """Returns whether two bounds of I(z;x) are a tenth of a nat apart or more."""
    return not upper - lower < _SATURATED


def mixture(
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    num_samples: int,
    random_state: Seed,
    num_threads: Optional[int] = None,
) -> Estimate:
    """Returns the total correlation of the aggregated posterior, in nats.

    TC = E_q(z) [log q(z) - sum_k log q(z_k)], a mean over `num_samples` draws of z with
    both densities exact over all N encodings. Unbiased; can be slightly negative if
    TC is near 0. A deterministic encoder would have TC = sum_k H(mu_k) - log N, which
    is about N's size, not the latents' dependence: at tiny variances expect
    (D-1) log N. Where the encodings are a sample of a larger data set, see whether
    `mixture_decomposition` finds them `saturated`.

    Args:
        z_mean: [dataset_size, num_latent], means of all encodings.
        z_logvar: [dataset_size, num_latent], log variances of all encodings.
        num_samples: Draws of z, >= 2; time grows with num_samples x dataset_size.
        random_state: Seed, `numpy.random.RandomState` or `numpy.random.Generator`.
        num_threads: Threads; all usable cores by default, with the same result.

    Returns:
        `Estimate(value, standard_error)`.

    Raises:
        ValueError: Shapes differ, NaN or infinity, num_samples < 2.
    """
    return mixture_decomposition(
        z_mean, z_logvar, num_samples, random_state, num_threads
    ).total_correlation


def mixture_decomposition(
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    num_samples: int,
    random_state: Seed,
    num_threads: Optional[int] = None,
) -> MixtureDecomposition:
    """Returns the `MixtureDecomposition` of the aggregated posterior.

    Args and errors are those of `mixture`.
    """
    z_mean, z_logvar = checks.encodings(z_mean, z_logvar, min_rows=1)
    num_samples = checks.positive_integer(num_samples, "num_samples", minimum=2)
    z, index = sample_mixture(z_mean, z_logvar, num_samples, random_state)
    log_joint, log_marginals = mixture_log_densities(z, z_mean, z_logvar, num_threads)
    log_own = densities.gaussian_log_density(z, z_mean[index], z_logvar[index])
    per_latent = log_own - log_marginals
    log_own = log_own.sum(axis=1)
    log_others = log_density_of_others(log_own, log_joint, len(z_mean))
    return MixtureDecomposition(
        total_correlation=_estimate(log_joint - log_marginals.sum(axis=1)),
        index_mutual_information=_estimate(log_own - log_joint),
        mutual_information=per_latent.mean(axis=0),
        mutual_information_standard_error=per_latent.std(axis=0, ddof=1)
        / math.sqrt(num_samples),
        index_mutual_information_upper=_estimate(log_own - log_others),
    )


def log_density_of_others(
    log_own: ArrayLike, log_joint: ArrayLike, dataset_size: int
) -> NDArray:
    """Returns log q(z) of the mixture without the encoding that z came from.

    Args:
        log_own: [num_samples], log q(z|n) of the encoding that z came from.
        log_joint: [num_samples], log q(z).
        dataset_size: Number N of encodings in the mixture.

    Returns:
        [num_samples]; -inf where the own encoding is all there is, to rounding.
    """
    share = np.minimum(log_own - log_joint - math.log(dataset_size), 0.0)
    with np.errstate(divide="ignore"):
        rest = np.log(-np.expm1(share))
    if dataset_size == 1:
        return np.full_like(log_joint, -np.inf)
    return log_joint + rest - math.log1p(-1.0 / dataset_size)


def sample_mixture(
    z_mean: ArrayLike, z_logvar: ArrayLike, num_samples: int, random_state: Seed
) -> tuple[NDArray, NDArray]:
    """Draws z from q(z) = 1/N sum_n N(z_mean_n, exp z_logvar_n).

    Returns:
        z, [num_samples, num_latent], and the encoding each came from, [num_samples].
    """
    random_state = checks.random_generator(random_state)
    index = random_state.integers(len(z_mean), size=num_samples)
    noise = random_state.standard_normal((num_samples, z_mean.shape[1]))
    return z_mean[index] + np.exp(0.5 * z_logvar[index]) * noise, index


def mixture_log_densities(
    z: ArrayLike,
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    num_threads: Optional[int] = None,
) -> tuple[NDArray, NDArray]:
    """Returns log q(z) and log q(z_k) of the aggregated posterior, exactly.

    Args:
        z: [num_samples, num_latent] points.
        z_mean: [dataset_size, num_latent], means of all encodings.
        z_logvar: [dataset_size, num_latent], log variances of all encodings.
        num_threads: Threads; all usable cores by default.

    Returns:
        Arrays [num_samples] and [num_samples, num_latent].

    Raises:
        ValueError: NaN, infinity, or numbers of latents that differ.
    """
    z_mean, z_logvar = checks.encodings(z_mean, z_logvar, min_rows=1)
    z = checks.matrix(z, "z", min_rows=1)
    if z.shape[1] != z_mean.shape[1]:
        raise checks.InputError(
            f"z has {z.shape[1]} latents, but z_mean {z_mean.shape[1]}."
        )
    log_joint, log_marginals = densities.log_sums(
        z, z_mean, z_logvar, num_threads=num_threads
    )
    log_size = math.log(len(z_mean))
    return log_joint - log_size, log_marginals - log_size


def _estimate(values):
    if not np.all(np.isfinite(values)):
        return Estimate(math.inf, math.inf)
    return Estimate(
        float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))
    )
