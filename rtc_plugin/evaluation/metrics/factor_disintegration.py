# SPDX-License-Identifier: Apache-2.0
"""Factors that split over latents, and latents that serve several factors.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (sections 6.3, 6.4)
[2] Rao. Diversity and dissimilarity coefficients. Theor. Popul. Biol. 21, 1982.
"""

import gin
import numpy as np

from rtc_plugin import total_correlation as tc
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.total_correlation.checks import random_generator


@gin.configurable(
    "factor_disintegration",
    blacklist=[
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
        "codes",
    ],
)
def compute_factor_disintegration(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    codes=None,
    num_train=5000,
    batch_size=100,
    num_bins=20,
    num_neighbours=3,
    categorical_factors=factors_lib.CATEGORICAL,
):
    """Computes how far factors split over independent latents.

    Per factor, w_k is latent k's share of all that single latents tell about it, and
    d_kl in [0, 1] how independent two latents are (1 - their informational
    correlation). The index is Rao's quadratic entropy [2], sum_kl w_k w_l d_kl: the
    chance that two pieces of information about the factor sit in different,
    independent latents. It is in [0, 1), lower is better: 0 for one latent and for
    copies of one latent, 1/2 for two equal independent latents, 2/3 for three. What
    chance gives is taken off the scores (see `factors.beyond_chance`); a factor that no
    latent tells anything about counts as 0, and `top2_nmi_scores` shows which.

    `disintegration` rests on normalised mutual information (the paper's MIG form),
    `r2_disintegration` on R2 (its SAP form). Latent by latent, so information that
    only several latents together hold is not seen; R2 sees linear relations only, and
    takes circular factors (hue, orientation) as ordered numbers.
    `latent_sharing` turns the question around: the chance that two pieces of
    information in one latent are about different factors, 0 if each serves one.

    Takes about 3 seconds for 10 latents and 6 factors after encoding.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations; of
            `mean_and_logvar` the means are used, as in the paper.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images.
        batch_size: Batch size for encoding.
        num_bins: Bins of a latent for mutual information.
        num_neighbours: k of the neighbour estimate of latents' dependence.
        categorical_factors: Names of factors whose values have no order; their R2 is
            the correlation ratio. A name that the data set lacks is ignored.

    Returns:
        Dictionary of factor_names; r2_matrix and nmi_matrix, [num_latent,
        num_factors]; disintegration and r2_disintegration (means over factors,
        weighted by the top score), disintegration_per_factor and
        r2_disintegration_per_factor; latent_sharing (mean weighted by the top score)
        and latent_sharing_per_latent; for both `*` = r2 and nmi, lists per factor
        top2_*_latents, top2_*_scores, top2_*_gap, top2_*_correlation (of the two
        latents) and top2_*_mutual_information (of the two latents, nats);
        mean_*_gap, which are SAP in R2 form and MIG on these images;
        categorical_factors (the names that were found).

    Raises:
        UserError: See `codes.encode`.
    """
    if codes is None:
        codes = codes_lib.encode(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir,
            num_train,
            batch_size,
        )
    names = factors_lib.factor_names(ground_truth_data)
    categorical = [j for j, name in enumerate(names) if name in categorical_factors]
    with codes_lib.estimating("factor_disintegration"):
        results = disintegration(
            codes.plain,
            codes.factors,
            random_generator(random_state),
            categorical,
            num_bins,
            num_neighbours,
        )
    results.update(
        representation=codes.representation,
        factor_names=names,
        categorical_factors=[names[j] for j in categorical],
    )
    return results_lib.to_json(results)


def disintegration(z, factors, random, categorical=(), num_bins=20, num_neighbours=3):
    """Returns what `compute_factor_disintegration` does, on arrays.

    Args:
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        random: `numpy.random.Generator` that shuffles images, for what chance gives.
        categorical: Numbers of the factors whose values have no order.
        num_bins: Bins of a latent.
        num_neighbours: k of the neighbour estimate.
    """
    entropy = factors_lib.entropies(factors)
    entropy = np.where(entropy > 0, entropy, 1.0)  # A constant factor has no MI either.

    def r2_scores(z, factors):
        return factors_lib.r2_matrix(z, factors, categorical)

    def nmi_scores(z, factors):
        return factors_lib.mutual_information_matrix(z, factors, num_bins) / entropy

    r2, nmi = r2_scores(z, factors), nmi_scores(z, factors)
    told_r2 = factors_lib.beyond_chance(r2_scores, z, factors, random)
    told_nmi = factors_lib.beyond_chance(nmi_scores, z, factors, random)
    correlation = _correlation(z)
    dependence = _dependence(z, num_neighbours)
    distance = 1.0 - np.sqrt(-np.expm1(-2.0 * dependence))
    per_factor = quadratic_entropy(told_nmi.T, distance)
    r2_per_factor = quadratic_entropy(told_r2.T, distance)
    per_latent = quadratic_entropy(told_nmi, 1.0 - np.eye(factors.shape[1]))
    results = {
        "r2_matrix": r2,
        "nmi_matrix": nmi,
        "disintegration": _weighted_mean(per_factor, told_nmi.max(axis=0)),
        "disintegration_per_factor": per_factor,
        "r2_disintegration": _weighted_mean(r2_per_factor, told_r2.max(axis=0)),
        "r2_disintegration_per_factor": r2_per_factor,
        "latent_sharing": _weighted_mean(per_latent, told_nmi.max(axis=1)),
        "latent_sharing_per_latent": per_latent,
    }
    for name, scores in (("r2", r2), ("nmi", nmi)):
        for key, value in top_two(scores).items():
            results[f"top2_{name}_{key}"] = value
        pairs = results[f"top2_{name}_latents"]
        results[f"mean_{name}_gap"] = np.mean(results[f"top2_{name}_gap"])
        if z.shape[1] > 1:
            results[f"top2_{name}_correlation"] = correlation[pairs[:, 0], pairs[:, 1]]
            results[f"top2_{name}_mutual_information"] = dependence[
                pairs[:, 0], pairs[:, 1]
            ]
    return results


def top_two(scores):
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


def quadratic_entropy(scores, distance):
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


def _weighted_mean(values, weights):
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else 0.0


def _correlation(z):
    unit = factors_lib.standardise(z)
    return np.clip(unit.T @ unit / len(z), -1.0, 1.0)


def _dependence(z, num_neighbours):
    """Mutual information of latents, [num_latent, num_latent], >= 0; diagonal inf."""
    # NaN, of latents with hardly more than one value, is none either.
    value = np.fmax(tc.pairwise_mutual_information(z, num_neighbours).value, 0.0)
    np.fill_diagonal(value, np.inf)
    return value
