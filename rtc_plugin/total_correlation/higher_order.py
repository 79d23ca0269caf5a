# SPDX-License-Identifier: Apache-2.0
"""How dependence is shared: by all latents, by few, or only by several together.

Of a law of D latents, in nats:

    TC   sum_k H(z_k) - H(z)               total correlation
    DTC  H(z) - sum_k H(z_k | z_-k)        dual total correlation, what is shared
    O    TC - DTC                          O-information [1]: above 0 redundancy (copies
                                           of one thing), below 0 synergy (a parity)

All three are 0 for independent latents; O is 0 for any two latents. For a Gaussian of
correlation matrix R, TC = -1/2 log |R| and DTC = 1/2 (log |R| + sum_k log (R^-1)_kk).
Of other laws these are the numbers of the Gaussian with their correlations, or, of
normal scores, of their Gaussian copula (see `copula`).

#### References
[1] Rosas, Mediano, Gastpar, Jensen. Quantifying high-order interdependencies. Phys.
    Rev. E 100, 2019. https://arxiv.org/abs/1902.11239
[2] Belloli et al. THOI: an efficient library for higher order interactions analysis,
    2025. https://arxiv.org/abs/2501.03381 (many subsets at a time)
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from rtc_plugin.total_correlation import checks
from rtc_plugin.total_correlation.neighbours import PairwiseInformation

# What rounding leaves of a correlation matrix of samples: epsilons per latent.
_ROUNDINGS = 64
# Numbers in a batch of matrices.
_BATCH = 2_000_000


class Dependence(NamedTuple):
    """How latents depend on each other, in nats; floats, or arrays [num_subsets].

    Attributes:
        total_correlation: TC, in [0, inf].
        dual_total_correlation: DTC, in [0, inf].
        o_information: TC - DTC; NaN where both are infinite.
    """

    total_correlation: np.ndarray
    dual_total_correlation: np.ndarray
    o_information: np.ndarray


def correlation(samples: ArrayLike, normal_scores: bool = False) -> NDArray:
    """Returns the correlation matrix of samples, for the functions of this module.

    Args:
        samples: [num_samples, num_latent] array.
        normal_scores: Whether of the latents' normal scores, as `copula` takes them.

    Returns:
        [num_latent, num_latent]; a constant latent has 0 with every other.

    Raises:
        ValueError: `samples` is no finite matrix of at least two rows.
    """
    samples = checks.matrix(samples, "samples")
    if normal_scores:
        ranks = stats.rankdata(samples, axis=0)
        samples = special.ndtri(ranks / (len(samples) + 1.0))
    varies = np.ptp(samples, axis=0) > 0
    # Of unit size, or squares overflow.
    scale = np.where(varies, np.abs(samples - samples.mean(axis=0)).max(axis=0), 1.0)
    unit = np.where(varies, (samples - samples.mean(axis=0)) / scale, 0.0)
    unit = unit / np.where(varies, np.linalg.norm(unit, axis=0), 1.0)
    matrix = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def gaussian_dependence(
    corr: ArrayLike, subsets: Optional[ArrayLike] = None
) -> Dependence:
    """Returns TC, DTC and O-information of a Gaussian, and of many of its subsets.

    Args:
        corr: [num_latent, num_latent] correlation matrix, see `correlation`.
        subsets: [num_subsets, size] numbers of latents; None for all latents at once.

    Returns:
        `Dependence`. Latents that are linearly dependent have infinite TC and DTC.

    Raises:
        ValueError: `corr` is no correlation matrix, or a subset names no latent or one
            twice.

    Examples:
        >>> found = gaussian_dependence([[1.0, 0.8], [0.8, 1.0]])
        >>> print(f"{found.total_correlation:.3f} {found.o_information:.3f} nats")
        0.511 0.000 nats
    """
    corr = _check_correlation(corr)
    if subsets is None:
        subsets = np.arange(len(corr))[None]
        return Dependence(*(value[0] for value in gaussian_dependence(corr, subsets)))
    subsets = _check_subsets(subsets, len(corr))
    at_once = max(1, _BATCH // subsets.shape[1] ** 2)
    found = [
        _dependence(corr, subsets[start : start + at_once])
        for start in range(0, len(subsets), at_once)
    ]
    total, dual = (np.concatenate(values) for values in zip(*found))
    with np.errstate(invalid="ignore"):
        return Dependence(total, dual, total - dual)


def _dependence(corr, subsets):
    matrices = corr[subsets[:, :, None], subsets[:, None, :]]
    eigenvalues, vectors = np.linalg.eigh(matrices)
    epsilon = _ROUNDINGS * np.finfo(np.float64).eps
    rounding = subsets.shape[1] * epsilon * eigenvalues[:, -1:]
    singular = (eigenvalues <= rounding).any(axis=1)
    eigenvalues = np.where(singular[:, None], 1.0, eigenvalues)
    # The variance that is left of a latent, given the others, is 1 / precision.
    precision = np.einsum("sij,sj->si", vectors**2, 1.0 / eigenvalues)
    precision = np.where(singular[:, None], 1.0, precision)
    log_determinant = np.log(eigenvalues).sum(axis=1)
    total = np.maximum(-0.5 * log_determinant, 0.0)
    dual = np.maximum(0.5 * (log_determinant + np.log(precision).sum(axis=1)), 0.0)
    return np.where(singular, np.inf, total), np.where(singular, np.inf, dual)


def between_blocks(corr: ArrayLike, blocks: Sequence[Sequence[int]]) -> float:
    """Returns the total correlation between blocks of latents of a Gaussian, in nats.

    KL(q(z) || prod_b q(z_b)) = 1/2 (sum_b log |R_b| - log |R|): what blocks know of
    each other, whatever latents within a block share. Of two blocks, their mutual
    information; of blocks of one latent each, the total correlation.

    Args:
        corr: [num_latent, num_latent] correlation matrix, see `correlation`.
        blocks: List of lists of numbers of latents, no latent in two; those in none are
            left out.

    Returns:
        Float in [0, inf].

    Raises:
        ValueError: `corr` is no correlation matrix, or a latent is unknown, in two
            blocks, or a block is empty.

    Examples:
        >>> corr = np.eye(4)
        >>> corr[0, 1] = corr[1, 0] = 0.9  # Within a block.
        >>> between_blocks(corr, [[0, 1], [2, 3]])
        0.0
    """
    corr = _check_correlation(corr)
    blocks = [np.asarray(block, dtype=int).reshape(-1) for block in blocks]
    if not blocks or not all(len(block) for block in blocks):
        raise checks.InputError("blocks must be lists of one latent or more.")
    together = _check_subsets(np.concatenate(blocks)[None], len(corr))
    total = gaussian_dependence(corr, together).total_correlation[0]
    within = sum(
        gaussian_dependence(corr, block[None]).total_correlation[0] for block in blocks
    )
    # Copies within a block are no dependence between blocks: take bases of the blocks.
    if np.isinf(within):
        return _between_bases(corr, blocks)
    return max(0.0, float(total - within))


def _between_bases(corr, blocks):
    """Returns `between_blocks` of blocks with copies, by bases of the blocks."""
    bases = []
    for block in blocks:
        values, vectors = np.linalg.eigh(corr[np.ix_(block, block)])
        epsilon = _ROUNDINGS * np.finfo(np.float64).eps
        kept = values > len(block) * epsilon * values[-1]
        bases.append((block, vectors[:, kept] / np.sqrt(values[kept])))
    whitened = np.block(
        [[a.T @ corr[np.ix_(i, j)] @ b for j, b in bases] for i, a in bases]
    )
    np.fill_diagonal(whitened, 1.0)
    return float(gaussian_dependence(whitened).total_correlation)


def pairwise_gaussian(
    samples: ArrayLike, normal_scores: bool = False
) -> PairwiseInformation:
    """Returns I(z_i; z_j) of all pairs by their correlation, with p-values.

    I = -1/2 log(1 - r^2); the p-value is Student's, of r = 0, exact for Gaussian
    latents. Blind to dependence without correlation; see
    `pairwise_mutual_information`.

    Args:
        samples: [num_samples, num_latent] array, three rows or more.
        normal_scores: As `correlation`.

    Returns:
        `PairwiseInformation`; a constant latent has 0 with every other, p-value 1.

    Raises:
        ValueError: `samples` is no finite matrix of at least three rows.

    Examples:
        >>> z = np.random.default_rng(0).standard_normal((500, 2))
        >>> bool(pairwise_gaussian(z).p_value[0, 1] > 0.001)
        True
    """
    samples = checks.matrix(samples, "samples", min_rows=3)
    r = correlation(samples, normal_scores)
    np.fill_diagonal(r, np.nan)
    squared = r**2
    freedom = len(samples) - 2
    with np.errstate(divide="ignore"):
        value = -0.5 * np.log1p(-squared)
        statistic = np.sqrt(squared * freedom / (1.0 - squared))
    return PairwiseInformation(value, 2.0 * stats.t.sf(statistic, freedom))


def _check_correlation(corr):
    corr = checks.matrix(corr, "corr", min_rows=1)
    is_square = corr.shape[0] == corr.shape[1]
    if (
        not is_square
        or not np.allclose(np.diag(corr), 1.0, rtol=0, atol=1e-8)
        or not np.allclose(corr, corr.T, rtol=0, atol=1e-8)
        or np.linalg.eigvalsh(corr)[0] < -1e-6
    ):
        raise checks.InputError(
            "corr must be a correlation matrix: symmetric, of diagonal 1, positive "
            "semi-definite; `correlation` makes one of samples."
        )
    return corr


def _check_subsets(subsets, num_latent):
    subsets = np.asarray(subsets)
    if subsets.ndim != 2 or subsets.dtype.kind not in "iu" or not subsets.size:
        raise checks.InputError(
            f"subsets must be integers [num_subsets, size], got {subsets.shape}."
        )
    if subsets.min() < 0 or subsets.max() >= num_latent:
        raise checks.InputError(f"there are latents 0 to {num_latent - 1} only.")
    ordered = np.sort(subsets, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise checks.InputError("a latent occurs twice in a subset or in two blocks.")
    return subsets
