# SPDX-License-Identifier: Apache-2.0
"""MIG-sup, DCIMIG and JEMMIG: what MIG misses.

With I(z_k;f) of binned latents, k(f) the latent that tells most about factor f and k'
the next:

    MIG      mean_f [I(z_k;f) - I(z_k';f)] / H(f): a factor in several latents
    MIG-sup  mean over latents of the gap between its first and second factor, of
             I(z;f) / H(f): a latent with several factors [1]
    DCIMIG   each latent gives its best factor the gap between that and its second
             factor; sum over factors of the largest gap received / sum_f H(f) [2]
    JEMMIG   mean_f 1 - [H(z_k,f) - I(z_k;f) + I(z_k';f)] / [H(f) + log num_bins]: MIG
             that also asks the latent for nothing but the factor [3]

#### References
[1] Li, Murkute, Gyawali, Wang. Progressive learning and disentanglement of hierarchical
    representations, 2020. https://arxiv.org/abs/2002.10549
[2] Sepliarskaia, Kiseleva, de Rijke. How to not measure disentanglement, 2019.
    https://arxiv.org/abs/1910.05587
[3] Do, Tran. Theory and evaluation metrics for learning disentangled representations,
    2020. https://arxiv.org/abs/1908.09961
"""

from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike

from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.measures.results import withhold

KEYS = ("mig", "mig_sup", "dcimig", "jemmig")


def mig_variants(
    codes: ArrayLike, factors: ArrayLike, num_bins: int = 20
) -> dict[str, Any]:
    """Measures MIG, MIG-sup, DCIMIG and JEMMIG from one table of mutual information.

    All in [0, 1] (JEMMIG of a useless code is about 1 - its entropy share, not 0),
    higher is better. They see single latents only, depend on the bins, and are a
    little high from few images. MIG-sup averages over all latents, so each unused
    latent adds a 0; where there is no second latent or factor, it counts as one without
    information. An outlier stretches the bins, so that the others share one. Constant
    factors are left out. A quarter of a second at 5000 images and 10 latents.

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors] discrete values.
        num_bins: Bins of equal width of a latent.

    Returns:
        Dictionary of mig, mig_sup, dcimig, jemmig; None, with `not_computed` and
        `reasons`, if every factor is constant.

    Examples:
        >>> factors = np.array([[i, j] for i in range(4) for j in range(4)])
        >>> bool(np.isclose(mig_variants(factors, factors)["mig"], 1.0))
        True
    """
    results = variants_of_information(
        scores_lib.mutual_information_matrix(codes, factors, num_bins),
        scores_lib.entropies(scores_lib.discretise(codes, num_bins)),
        scores_lib.entropies(factors),
        num_bins,
    )
    if results["mig"] is None:
        withhold(results, KEYS, "every factor is constant")
    return results


def variants_of_information(
    information: ArrayLike,
    latent_entropy: ArrayLike,
    factor_entropy: ArrayLike,
    num_bins: int,
) -> Optional[dict[str, float]]:
    """Returns the four scores.

    Args:
        information: [num_latent, num_factors] mutual information, nats.
        latent_entropy: [num_latent] entropies of the binned latents, nats.
        factor_entropy: [num_factors], nats; constant factors (0) are left out.
        num_bins: Bins of a latent.

    Returns:
        Dictionary of mig, mig_sup, dcimig, jemmig; None if every factor is constant. A
        second latent or factor that is not there counts as one without information.
    """
    varies = factor_entropy > 0
    information, factor_entropy = information[:, varies], factor_entropy[varies]
    if not varies.any():
        return dict.fromkeys(KEYS)
    first, second = _top_two(information)
    best = np.argmax(information, axis=0)
    joint_entropy = latent_entropy[best] + factor_entropy - first
    jemmig = 1.0 - (joint_entropy - first + second) / (
        factor_entropy + np.log(num_bins)
    )
    per_latent = np.subtract(*_top_two((information / factor_entropy).T))
    gaps = np.subtract(*_top_two(information.T))
    received = np.zeros_like(information)
    rows = np.arange(len(information))
    received[rows, np.argmax(information, axis=1)] = gaps
    return {
        "mig": np.mean((first - second) / factor_entropy),
        "mig_sup": np.mean(per_latent),
        "dcimig": received.max(axis=0).sum() / factor_entropy.sum(),
        "jemmig": np.mean(jemmig),
    }


def _top_two(scores):
    """Returns the largest and second largest of each column, or 0."""
    ordered = np.sort(scores, axis=0)[::-1]
    return ordered[0], ordered[1] if len(ordered) > 1 else np.zeros_like(ordered[0])
