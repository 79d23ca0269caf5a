# SPDX-License-Identifier: Apache-2.0
"""Factors that split over latents, and latents that serve several factors.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (sections 6.3, 6.4)
[2] Rao. Diversity and dissimilarity coefficients. Theor. Popul. Biol. 21, 1982.
[3] Linfoot. An informational measure of correlation. Inf. Control 1, 1957.
"""

import contextlib
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.total_correlation import checks, neighbours
from rtc_plugin.total_correlation.checks import Seed
from rtc_plugin.total_correlation.tree import pair_null

# Of independent latents, so much of the estimates is counted as chance.
_CHANCE = stats.norm.cdf(3.0)

# Scores with a standard error.
INDICES = (
    "disintegration",
    "disintegration_per_factor",
    "r2_disintegration",
    "r2_disintegration_per_factor",
    "latent_sharing",
    "latent_sharing_per_latent",
)


def factor_disintegration(
    z: ArrayLike,
    factors: ArrayLike,
    random_state: Seed = 0,
    categorical: Sequence[int] = (),
    num_bins: int = 20,
    num_neighbours: int = 10,
    num_blocks: int = 10,
) -> dict[str, Any]:
    """Measures how far factors split over independent latents.

    Per factor, w_k is latent k's share of all that single latents tell about it, and
    d_kl in [0, 1] how independent two latents are (1 - their informational
    correlation). The index is Rao's quadratic entropy [2], sum_kl w_k w_l d_kl: the
    chance that two pieces of information about the factor sit in different,
    independent latents. It is in [0, 1), lower is better: 0 for one latent and for
    copies of one latent, 1/2 for two equal independent latents, 2/3 for three, whether
    latents are continuous or discrete. What chance gives is taken off the scores (see
    `scores.beyond_chance`) and off the latents' dependence (see `latent_dependence`,
    which takes correlations below .15 for none at 5000 images); a factor that no latent
    tells anything about counts as 0, and `top2_nmi_scores` shows which.

    Standard errors come from `num_blocks` disjoint parts of the images and know nothing
    of dependence that is too weak to be told from chance. They are high where a part
    is too small to show what all images show.

    `disintegration` rests on normalised mutual information (the paper's MIG form),
    `r2_disintegration` on R2 (its SAP form). Latent by latent, so information that
    only several latents together hold is not seen; R2 sees linear relations only, and
    takes circular factors (hue, orientation) as ordered numbers.
    `latent_sharing` turns the question around: the chance that two pieces of
    information in one latent are about different factors, 0 if each serves one.

    Takes about 6 seconds at 5000 images, 10 latents and 6 factors.

    Args:
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        random_state: Seed, RandomState or Generator that shuffles samples, for what
            chance gives, and orders equal values.
        categorical: Numbers of the factors whose values have no order.
        num_bins: Bins of a latent.
        num_neighbours: k of the neighbour estimate of latents' dependence.
        num_blocks: Parts of the samples that the standard errors come from.

    Returns:
        Dictionary of r2_matrix and nmi_matrix, [num_latent, num_factors];
        disintegration and r2_disintegration (means over factors, weighted by the top
        score), disintegration_per_factor and r2_disintegration_per_factor;
        latent_sharing (mean weighted by the top score) and latent_sharing_per_latent;
        the six with `_stderr` behind; for both `*` = r2 and nmi, per factor
        top2_*_latents, top2_*_scores, top2_*_gap, top2_*_correlation and
        top2_*_mutual_information (of the two latents, the latter in nats);
        mean_*_gap, which are SAP in R2 form and MIG on these samples. None where there
        is no value, because no latent tells anything of any factor; `not_computed`
        lists the keys and `reasons` says why.

    Raises:
        InputError: `z` is no finite matrix of at least two rows, or num_neighbours or
            num_blocks is too small.

    Examples:
        >>> factors = np.random.default_rng(0).integers(4, size=(800, 2))
        >>> split = np.stack([factors[:, 0] // 2, factors[:, 0] % 2], axis=1)
        >>> results = factor_disintegration(split.astype(float), factors)
        >>> results["disintegration_per_factor"].round(1)
        array([0.5, 0. ])
    """
    random = checks.random_generator(random_state)
    z, factors = checks.matrix(z, "z"), np.asarray(factors)
    checks.positive_integer(num_neighbours, "num_neighbours")
    checks.positive_integer(num_blocks, "num_blocks", minimum=2)

    def indices(rows):
        return _indices(
            z[rows], factors[rows], random, categorical, num_bins, num_neighbours
        )

    results = indices(np.arange(len(z)))
    information = results.pop("dependence")
    correlation = _correlation(z)
    for name in ("r2", "nmi"):
        top = top_two(results[f"{name}_matrix"])
        pairs = top["latents"]
        results.update({f"top2_{name}_{key}": value for key, value in top.items()})
        results[f"mean_{name}_gap"] = np.mean(top["gap"])
        if z.shape[1] > 1:
            pairs = pairs[:, 0], pairs[:, 1]
            results[f"top2_{name}_correlation"] = correlation[pairs]
            results[f"top2_{name}_mutual_information"] = information[pairs]
    # Of full size a bootstrap has copies, which neighbours take for dependence.
    parts = np.array_split(random.permutation(len(z)), min(num_blocks, len(z)))
    parts = [indices(rows) for rows in parts]
    for key in INDICES:
        spread = np.std([part[key] for part in parts], axis=0, ddof=1)
        results[f"{key}_stderr"] = spread / math.sqrt(len(parts))
    reasons = {}
    for key in INDICES:
        if np.isnan(results[key]).any():
            results[key], reasons[key] = None, "no latent tells anything of any factor"
        if np.isnan(results[f"{key}_stderr"]).any():
            results[f"{key}_stderr"] = None
            reasons[f"{key}_stderr"] = (
                f"a part of {len(z) // num_blocks} samples tells nothing"
            )
    return dict(results, not_computed=list(reasons), reasons=reasons)


def top_two(scores: ArrayLike) -> dict[str, NDArray]:
    """Finds the two latents that tell most about each factor.

    Args:
        scores: [num_latent, num_factors].

    Returns:
        Dictionary of `latents` and `scores`, [num_factors, 2], the best first, and
        `gap`, [num_factors], their difference: a factor's contribution to SAP or MIG.
        With one latent, of one column, and the gap is the score.
    """
    order = np.argsort(-scores, axis=0, kind="stable")[:2].T
    best = np.take_along_axis(scores.T, order, axis=1)
    gap = best[:, 0] - (best[:, 1] if best.shape[1] > 1 else 0.0)
    return {"latents": order, "scores": best, "gap": gap}


def quadratic_entropy(scores: ArrayLike, distance: ArrayLike) -> NDArray:
    """Returns Rao's quadratic entropy of every row's shares.

    Args:
        scores: [num_rows, n], >= 0.
        distance: [n, n] in [0, 1], 0 on the diagonal.

    Returns:
        [num_rows] in [0, 1 - 1/n]; 0 for a row of zeros.
    """
    total = scores.sum(axis=1, keepdims=True)
    shares = np.divide(scores, total, out=np.zeros_like(scores), where=total > 0)
    return np.einsum("ik,kl,il->i", shares, distance, shares)


def latent_dependence(
    z: ArrayLike, random: np.random.Generator, num_neighbours: int = 10
) -> tuple[NDArray, NDArray]:
    """Returns mutual information and informational correlation of pairs of latents.

    The correlation is Linfoot's [3], sqrt(1 - exp(-2 I)), over its largest value for
    the less informative of two discrete latents, so that a copy has 1. Near
    independence it goes as the root of I, which makes much of noise: I counts if it
    exceeds the mean of independent latents by three standard deviations (the .9987
    quantile), by its excess. So a correlation below about .15 (5000 samples) counts as
    none.

    Args:
        z: [n, num_latent] codes; continuous, discrete or both, see `tc.knn`.
        random: `numpy.random.Generator` that orders equal values.
        num_neighbours: k of the neighbour estimate; fewer if there are few rows.

    Returns:
        `information` [num_latent, num_latent], nats, >= 0, diagonal inf, and
        `correlation` of the same shape in [0, 1], diagonal 1. Too few distinct rows to
        tell, and constant latents, count as independent.
    """
    num_neighbours = min(num_neighbours, (len(z) - 1) // 2)
    information = np.zeros((z.shape[1],) * 2)
    correlation = information.copy()
    with contextlib.suppress(checks.InputError):
        latents = neighbours.prepare(z, num_neighbours, "normal_scores", random)
        entropy = scores_lib.entropies(latents.labels)
        for i, j in itertools.combinations(range(len(latents.names)), 2):
            pair = latents.select([i, j])
            value = neighbours.information(pair, num_neighbours)
            null = pair_null(pair, num_neighbours)
            excess = value - null.mean() if value > null.ppf(_CHANCE) else 0.0
            largest = -math.expm1(-2.0 * min(entropy[i], entropy[j]))
            for cell in (pair.names, pair.names[::-1]):
                information[tuple(cell)] = max(value, 0.0)
                correlation[tuple(cell)] = -math.expm1(-2.0 * excess) / largest
    np.fill_diagonal(information, np.inf)
    np.fill_diagonal(correlation, 1.0)
    return information, np.sqrt(np.minimum(correlation, 1.0))


def _indices(z, factors, random, categorical, num_bins, num_neighbours):
    entropy = scores_lib.entropies(factors)
    entropy = np.where(entropy > 0, entropy, 1.0)  # A constant factor has no MI either.

    def r2_scores(z, factors):
        return scores_lib.r2_matrix(z, factors, categorical)

    def nmi_scores(z, factors):
        return scores_lib.mutual_information_matrix(z, factors, num_bins) / entropy

    told_r2 = scores_lib.beyond_chance(r2_scores, z, factors, random)
    told_nmi = scores_lib.beyond_chance(nmi_scores, z, factors, random)
    information, correlation = latent_dependence(z, random, num_neighbours)
    distance = 1.0 - correlation
    per_factor = quadratic_entropy(told_nmi.T, distance)
    r2_per_factor = quadratic_entropy(told_r2.T, distance)
    per_latent = quadratic_entropy(told_nmi, 1.0 - np.eye(factors.shape[1]))
    return {
        "r2_matrix": r2_scores(z, factors),
        "nmi_matrix": nmi_scores(z, factors),
        "disintegration": _weighted_mean(per_factor, told_nmi.max(axis=0)),
        "disintegration_per_factor": per_factor,
        "r2_disintegration": _weighted_mean(r2_per_factor, told_r2.max(axis=0)),
        "r2_disintegration_per_factor": r2_per_factor,
        "latent_sharing": _weighted_mean(per_latent, told_nmi.max(axis=1)),
        "latent_sharing_per_latent": per_latent,
        "dependence": information,
    }


def _weighted_mean(values, weights):
    """Returns NaN if all weights are 0."""
    total = weights.sum()
    return values @ weights / total if total > 0 else np.nan


def _correlation(z):
    unit = scores_lib.standardise(z)
    return np.clip(unit.T @ unit / len(z), -1.0, 1.0)
