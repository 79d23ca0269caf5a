# SPDX-License-Identifier: Apache-2.0
"""Minibatch estimators of total correlation: raw, naive, MWS, MSS, leave-one-out.

Notation: B encodings q(z|n_j) = N(z_mean_j, diag exp z_logvar_j) with one sample z_i
of each, a_ijk = q(z_ik|n_j), a_ij = prod_k a_ijk, N the size of the data set. Each
estimator puts weights w_ij into

    TC = mean_i [ log sum_j w_ij a_ij - sum_k log sum_j w_ij a_ijk ]        (nats)

    estimator       weights, with M = B - 1
    raw             1; what disentanglement_lib optimises
    naive           1/B                               = raw + (D-1) log B
    mws             1/(NB), eq. 7 of [1]              = raw + (D-1) log(NB)
    mss0            the published code of [1], to the letter: 1/N in column 0, s in
                    column 1 and at [M-1, 0], else 1/M, where s = (N-M)/(NM)
    mss1            1/N at [i, i], s at [i, i+1 mod B], else 1/M, appendix 1.2 of [2]
    mss_sym         1/N at [i, i], else (N-1)/(NM): the expectation of mss1, for any
                    order of the batch, and less variance
    leave_one_out   0 at [i, i], else 1/M: the limit of mss_sym for N to infinity

Three things to know before reading a number as a total correlation:

1.  Every batch obeys lower <= TC <= upper with
    lower = sum_k I_k + mean_i log w_ii and upper = -(D-1) mean_i log min_j w_ij,
    I_k = mean_i [log a_iik - log sum_j w_ij a_ijk]. For naive: sum_k I_k - log B and
    (D-1) log B; raw is never positive.
2.  The estimate of I(z;n) inside cannot exceed log B (naive, mss0, raw, mws) or log N
    (mss1, mss_sym). If sum_k I_k, the information of the latents one by one, is larger,
    the estimate is `saturated`: it sits at sum_k I_k minus that logarithm, whatever
    the total correlation is.
3.  mss1 and mss_sym estimate the finite mixture over the N encodings (see `mixture`),
    not the law that the data set was drawn from.

#### References
[1] Chen et al. Isolating Sources of Disentanglement in VAEs, 2018.
    https://arxiv.org/abs/1802.04942 (eqs. S3-S6 and its published code)
[2] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (appendix 1)
"""

import math
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike

from rtc_plugin.total_correlation import checks, densities

ESTIMATORS = ("raw", "naive", "mws", "mss0", "mss1", "mss_sym", "leave_one_out")
NEED_DATASET_SIZE = ("mws", "mss0", "mss1", "mss_sym")


class Weights(NamedTuple):
    """The matrix w_ij: one value all over but in a few places per row.

    Attributes:
        base: Weight wherever nothing else is said.
        columns: Integer array [batch_size, s], the places in each row.
        values: [batch_size, s], the weights there.
    """

    base: float
    columns: np.ndarray
    values: np.ndarray

    def dense(self):
        """Returns the [batch_size, batch_size] matrix."""
        batch_size = len(self.columns)
        matrix = np.full((batch_size, batch_size), self.base)
        np.put_along_axis(matrix, self.columns, self.values, axis=1)
        return matrix


class Decomposition(NamedTuple):
    """What a minibatch estimate is made of; all in nats.

    Attributes:
        value: The total correlation, `mean(log_joint - sum_k log_marginals)`.
        log_joint: [batch_size], estimates of log q(z_i).
        log_marginals: [batch_size, num_latent], estimates of log q(z_ik).
        mutual_information: [num_latent], estimates of I(z_k;n). Those of raw and mws
            are naive's, because their constants would enter.
        lower_bound: No batch of this size can give less than this.
        upper_bound: No batch of this size can give more than this.
        saturated: Whether sum_k I_k exceeds what the estimator can see of I(z;n), so
            that `value` says nothing about dependence.
    """

    value: float
    log_joint: np.ndarray
    log_marginals: np.ndarray
    mutual_information: np.ndarray
    lower_bound: float
    upper_bound: float
    saturated: bool


def minibatch(
    z: ArrayLike,
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    estimator: str,
    dataset_size: Optional[int] = None,
) -> float:
    """Returns a minibatch estimate of total correlation, in nats.

    Args:
        z: [batch_size, num_latent], one sample of each encoding.
        z_mean: [batch_size, num_latent], means of the encodings.
        z_logvar: [batch_size, num_latent], log variances of the encodings.
        estimator: One of `ESTIMATORS`; the module's docstring has the formulas.
        dataset_size: N >= batch_size; mws, mss0, mss1 and mss_sym need it.

    Returns:
        Float. Memory grows with batch_size, not with its square.

    Raises:
        ValueError: Shapes differ, NaN or infinity, batch_size < 2, an unknown
            estimator, a dataset_size that is missing or smaller than batch_size.
    """
    return minibatch_decomposition(z, z_mean, z_logvar, estimator, dataset_size).value


def minibatch_decomposition(
    z: ArrayLike,
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    estimator: str,
    dataset_size: Optional[int] = None,
) -> Decomposition:
    """Returns the `Decomposition` of a minibatch estimate.

    Args and errors are those of `minibatch`.
    """
    z_mean, z_logvar = checks.encodings(z_mean, z_logvar)
    z = checks.matrix(z, "z")
    checks.same_shape(z, "z", z_mean, "z_mean")
    batch_size, num_latent = z.shape
    weights = minibatch_weights(batch_size, estimator, dataset_size)
    with np.errstate(divide="ignore"):  # leave_one_out has log 0.
        log_special = np.log(weights.values / weights.base)
    log_joint, log_marginals = densities.log_sums(
        z, z_mean, z_logvar, weights.columns, log_special
    )
    log_joint += math.log(weights.base)
    log_marginals += math.log(weights.base)

    log_self = densities.gaussian_log_density(z, z_mean, z_logvar)
    information = np.mean(log_self - log_marginals, axis=0)
    log_own, log_smallest = _log_extremes(weights)
    lower_bound = np.sum(information) + log_own
    if estimator in ("raw", "mws"):
        information = information + math.log(weights.base * batch_size)
    visible = dataset_size if estimator in ("mss1", "mss_sym") else batch_size
    return Decomposition(
        value=float(np.mean(log_joint - log_marginals.sum(axis=1))),
        log_joint=log_joint,
        log_marginals=log_marginals,
        mutual_information=information,
        lower_bound=float(lower_bound),
        upper_bound=float(-(num_latent - 1) * log_smallest) + 0.0,
        saturated=bool(np.sum(information) > math.log(visible)),
    )


def minibatch_weights(
    batch_size: int, estimator: str, dataset_size: Optional[int] = None
) -> Weights:
    """Returns the `Weights` of an estimator.

    Raises:
        ValueError: An unknown estimator, batch_size < 2, a dataset_size that is
            missing or smaller than batch_size.
    """
    size = checks.positive_integer(batch_size, "batch_size", minimum=2)
    if estimator not in ESTIMATORS:
        raise checks.InputError(
            f"estimator must be one of {', '.join(ESTIMATORS)}, got {estimator!r}."
        )
    if dataset_size is not None:
        dataset_size = checks.positive_integer(dataset_size, "dataset_size")
        if dataset_size < size:
            raise checks.InputError(
                f"dataset_size {dataset_size} is smaller than the batch of {size}."
            )
    elif estimator in NEED_DATASET_SIZE:
        raise checks.InputError(
            f"dataset_size must be given for estimator {estimator!r}."
        )

    others = size - 1
    row = np.arange(size)
    none = np.empty((size, 0))
    if estimator == "raw":
        return Weights(1.0, none.astype(int), none)
    if estimator == "naive":
        return Weights(1.0 / size, none.astype(int), none)
    if estimator == "mws":
        return Weights(1.0 / (size * dataset_size), none.astype(int), none)
    if estimator == "leave_one_out":
        return Weights(1.0 / others, row[:, None], np.zeros((size, 1)))
    if estimator == "mss_sym":
        base = (dataset_size - 1) / (dataset_size * others)
        return Weights(base, row[:, None], np.full((size, 1), 1.0 / dataset_size))
    stratified = (dataset_size - others) / (dataset_size * others)
    values = np.tile([1.0 / dataset_size, stratified], (size, 1))
    if estimator == "mss1":
        return Weights(1.0 / others, np.stack([row, (row + 1) % size], 1), values)
    # mss0: the code's stride is the row length, so it fills columns, not diagonals.
    values[others - 1, 0] = stratified
    return Weights(1.0 / others, np.tile([0, 1], (size, 1)), values)


def _log_extremes(weights):
    """Returns mean_i log w_ii and mean_i log of the smallest weight above 0."""
    size = len(weights.columns)
    own = np.full(size, weights.base)
    row, which = np.nonzero(weights.columns == np.arange(size)[:, None])
    own[row] = weights.values[row, which]
    places = np.where(weights.values > 0, weights.values, np.inf)
    smallest = np.full(size, np.inf)
    if places.shape[1]:
        smallest = places.min(axis=1)
    if size > places.shape[1]:
        smallest = np.minimum(smallest, weights.base)
    with np.errstate(divide="ignore"):
        return np.mean(np.log(own)), np.mean(np.log(smallest))
