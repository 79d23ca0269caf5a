# SPDX-License-Identifier: Apache-2.0
"""MIG, MIG-sup, DCIMIG and JEMMIG. See `rtc_plugin.measures.mig_variants`."""

import gin

from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.measures import mig_variants


@gin.configurable(
    "mig_variants",
    blacklist=[
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
        "codes",
    ],
)
def compute_mig_variants(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    codes=None,
    num_train=5000,
    batch_size=100,
    num_bins=20,
):
    """Computes MIG, MIG-sup, DCIMIG and JEMMIG from one table of mutual information.

    All in [0, 1] (JEMMIG of a useless code is about 1 - its entropy share, not 0),
    higher is better. They see single latents only, depend on the bins, and are a
    little high from few images. MIG-sup averages over all latents, so each unused
    latent adds a 0; where there is no second latent or factor, it counts as one without
    information. An outlier stretches the bins, so that the others share one. Constant
    factors are left out. Cheap: a quarter of a second after encoding.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations; of
            `mean_and_logvar` the means are used.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images.
        batch_size: Batch size for encoding.
        num_bins: Bins of a latent.

    Returns:
        Dictionary of mig, mig_sup, dcimig, jemmig; None, with `not_computed` and
        `reasons`, if every factor is constant.

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
    results = mig_variants.from_codes(codes.plain, codes.factors, num_bins)
    if results["mig"] is None:
        results_lib.withhold(results, list(results), "every factor is constant")
    return results_lib.to_json(results)
