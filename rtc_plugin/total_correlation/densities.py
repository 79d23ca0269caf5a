# SPDX-License-Identifier: Apache-2.0
"""Log densities of mixtures of diagonal Gaussians, jointly and per dimension.

Every estimator that knows the encoder's distributions reads log q(z) and the
log q(z_k) off the same table of log q(z_ik | n_j); they differ only in the weights.
The table has num_samples x num_components x num_latent entries, so it is never held:
it is made and reduced in blocks that stay in a core's cache. The joint needs no work
of its own, because its exponent is the sum of the D exponents that the marginals need
anyway. (Writing the exponent as a matrix product would be faster for the joint alone,
but it cancels: at sigma = 1e-6 it loses all digits.)
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

import numpy as np
from joblib import cpu_count
from numpy.typing import ArrayLike, NDArray

# Two float64 buffers of this size fit the L2 cache of a core.
_ROWS, _COLUMNS = 64, 1024


def gaussian_log_density(
    z: ArrayLike, z_mean: ArrayLike, z_logvar: ArrayLike
) -> NDArray:
    """Returns log N(z; z_mean, exp(z_logvar)), elementwise with broadcasting."""
    return -0.5 * (
        math.log(2.0 * math.pi)
        + z_logvar
        + ((z - z_mean) * np.exp(-0.5 * z_logvar)) ** 2
    )


def log_sums(
    z: ArrayLike,
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    special_columns: Optional[ArrayLike] = None,
    special_log_weights: Optional[ArrayLike] = None,
    num_threads: Optional[int] = None,
) -> tuple[NDArray, NDArray]:
    """Returns log sum_j w_ij q(z_i|n_j) and log sum_j w_ij q(z_ik|n_j).

    All weights are one except a few per row.

    Args:
        z: [num_samples, num_latent] points.
        z_mean: [num_components, num_latent] means of the q(z|n_j).
        z_logvar: [num_components, num_latent] log variances of the q(z|n_j).
        special_columns: Integer array [num_samples, s]; row i names the components
            whose weight in w_i is not one. Each at most once per row.
        special_log_weights: [num_samples, s], their log weights; -inf leaves out.
        num_threads: Threads to use; all usable cores by default. The result does not
            depend on it.

    Returns:
        The joint sums, [num_samples], and the marginal ones, [num_samples,
        num_latent]. Memory beyond these and one copy of the encodings is constant.
    """
    num_samples, num_latent = z.shape
    num_components = z_mean.shape[0]
    z = np.ascontiguousarray(z.T)
    z_mean = np.ascontiguousarray(z_mean.T)
    # log q = peak - ((z - mean) * scale)^2
    scale = np.ascontiguousarray(np.exp(-0.5 * z_logvar.T) * math.sqrt(0.5))
    peak = np.ascontiguousarray(-0.5 * (z_logvar.T + math.log(2.0 * math.pi)))
    sums = np.empty((num_latent + 1, num_samples))

    def reduce_rows(start):
        rows = slice(start, min(start + _ROWS, num_samples))
        num_rows = rows.stop - start
        largest = np.full((num_latent + 1, num_rows), -np.inf)
        total = np.zeros((num_latent + 1, num_rows))
        exponent_buffer = np.empty((num_rows, _COLUMNS))
        joint_buffer = np.empty((num_rows, _COLUMNS))

        def add(k, exponent, special):
            if special is not None:
                row, column, log_weight = special
                exponent[row, column] += log_weight
            new = np.maximum(largest[k], exponent.max(axis=1))
            # A block may hold nothing but left-out components.
            shift = np.where(np.isfinite(new), new, 0.0)
            exponent -= shift[:, None]
            np.exp(exponent, out=exponent)
            total[k] *= np.exp(largest[k] - shift)
            total[k] += exponent.sum(axis=1)
            largest[k] = new

        for first in range(0, num_components, _COLUMNS):
            columns = slice(first, min(first + _COLUMNS, num_components))
            exponent = exponent_buffer[:, : columns.stop - first]
            joint = joint_buffer[:, : columns.stop - first]
            joint[...] = 0.0
            special = None
            if special_columns is not None:
                local = special_columns[rows] - first
                row, which = np.nonzero((local >= 0) & (local < exponent.shape[1]))
                if row.size:
                    log_weight = special_log_weights[rows][row, which]
                    special = row, local[row, which], log_weight
            for k in range(num_latent):
                np.subtract(z[k, rows, None], z_mean[k, columns], out=exponent)
                exponent *= scale[k, columns]
                np.multiply(exponent, exponent, out=exponent)
                np.subtract(peak[k, columns], exponent, out=exponent)
                joint += exponent
                add(k, exponent, special)
            add(num_latent, joint, special)
        with np.errstate(divide="ignore"):  # All left out: log 0 is -inf, rightly.
            sums[:, rows] = largest + np.log(total)

    starts = range(0, num_samples, _ROWS)
    num_threads = min(num_threads or cpu_count(), len(starts))
    if num_threads == 1:
        for start in starts:
            reduce_rows(start)
    else:
        with ThreadPoolExecutor(num_threads) as pool:
            for _ in pool.map(reduce_rows, starts):
                pass
    return sums[num_latent].copy(), sums[:num_latent].T.copy()
