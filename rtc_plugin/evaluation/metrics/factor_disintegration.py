# SPDX-License-Identifier: Apache-2.0
"""Factors that split over latents, and latents that serve several factors.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (sections 6.3, 6.4)
[2] Rao. Diversity and dissimilarity coefficients. Theor. Popul. Biol. 21, 1982.
"""

import gin

from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.measures.disintegration import disintegration
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
    num_neighbours=10,
    num_blocks=10,
    categorical_factors=factors_lib.CATEGORICAL,
):
    """Computes how far factors split over independent latents.

    Per factor, w_k is latent k's share of all that single latents tell about it, and
    d_kl in [0, 1] how independent two latents are (1 - their informational
    correlation). The index is Rao's quadratic entropy [2], sum_kl w_k w_l d_kl: the
    chance that two pieces of information about the factor sit in different,
    independent latents. It is in [0, 1), lower is better: 0 for one latent and for
    copies of one latent, 1/2 for two equal independent latents, 2/3 for three, whether
    latents are continuous or discrete. What chance gives is taken off the scores (see
    `measures.scores.beyond_chance`) and off the latents' dependence (see
    `measures.disintegration.latent_dependence`, which takes correlations below .15 for
    none at 5000 images); a factor that no latent tells anything about counts as 0, and
    `top2_nmi_scores` shows which.

    Standard errors come from `num_blocks` disjoint parts of the images and know nothing
    of dependence that is too weak to be told from chance. They are high where a part
    is too small to show what all images show.

    `disintegration` rests on normalised mutual information (the paper's MIG form),
    `r2_disintegration` on R2 (its SAP form). Latent by latent, so information that
    only several latents together hold is not seen; R2 sees linear relations only, and
    takes circular factors (hue, orientation) as ordered numbers.
    `latent_sharing` turns the question around: the chance that two pieces of
    information in one latent are about different factors, 0 if each serves one.

    Takes about 6 seconds for 10 latents and 6 factors after encoding.

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
        num_blocks: Parts of the images that standard errors come from.
        categorical_factors: Names of factors whose values have no order; their R2 is
            the correlation ratio. A name that the data set lacks is ignored.

    Returns:
        Dictionary of factor_names; r2_matrix and nmi_matrix, [num_latent,
        num_factors]; disintegration and r2_disintegration (means over factors,
        weighted by the top score), disintegration_per_factor and
        r2_disintegration_per_factor; latent_sharing (mean weighted by the top score)
        and latent_sharing_per_latent; the six with `_stderr` behind; for both `*` = r2
        and nmi, lists per factor top2_*_latents, top2_*_scores, top2_*_gap,
        top2_*_correlation and top2_*_mutual_information (of the two
        latents, the latter in nats);
        mean_*_gap, which are SAP in R2 form and MIG on these images;
        categorical_factors (the names that were found). None, with `not_computed` and
        `reasons`, if no latent tells anything of any factor.

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
            num_blocks,
        )
    results.update(
        not_computed=list(results["reasons"]),
        representation=codes.representation,
        factor_names=names,
        categorical_factors=[names[j] for j in categorical],
    )
    return results_lib.to_json(results)
