# SPDX-License-Identifier: Apache-2.0
"""`factor_disintegration` by gin. See `rtc_plugin.measures.factor_disintegration`."""

from rtc_plugin.evaluation.factors import CATEGORICAL, factor_names
from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.factor_disintegration import factor_disintegration


@metric("factor_disintegration")
def compute_factor_disintegration(
    codes,
    ground_truth_data,
    random_state,
    num_bins=20,
    num_neighbours=10,
    num_blocks=10,
    categorical_factors=CATEGORICAL,
):
    """Computes how far factors split over independent latents.

    Args:
        codes: `Codes`; of means and log variances the means are used, as in the paper.
        ground_truth_data: GroundTruthData that the codes are of.
        random_state: Numpy random state used for randomness.
        num_bins: Bins of a latent for mutual information.
        num_neighbours: k of the neighbour estimate of latents' dependence.
        num_blocks: Parts of the images that standard errors come from.
        categorical_factors: Names of factors whose values have no order; their R2 is
            the correlation ratio. A name that the data set lacks is ignored.

    Returns:
        Dictionary of the measure, factor_names and categorical_factors (the names that
        were found).
    """
    names = factor_names(ground_truth_data)
    categorical = [j for j, name in enumerate(names) if name in categorical_factors]
    results = factor_disintegration(
        codes.plain,
        codes.factors,
        random_state,
        categorical,
        num_bins,
        num_neighbours,
        num_blocks,
    )
    return dict(
        results,
        representation=codes.representation,
        factor_names=names,
        categorical_factors=[names[j] for j in categorical],
    )
