# SPDX-License-Identifier: Apache-2.0
"""All figures of a set of codes: of a trained model's, or of anybody's."""

from rtc_plugin import total_correlation as tc
from rtc_plugin.measures.tc_nongaussian import without_rounding
from rtc_plugin.visualize import latents


def draw(
    codes, factors=None, factor_names=(), categorical=(), scores=None, num_points=2000
):
    """Draws what codes are like, and, if these are given, what they say of factors.

    Args:
        codes: `Codes`; their means are drawn where they have means.
        factors: [n, num_factors] values, or None.
        factor_names: [num_factors] names.
        categorical: Names of factors whose values have no order.
        scores: What `factor_disintegration` gives of them.
        num_points: Points of the scatter plots.

    Returns:
        Dictionary of names and figures: pairs; latents, where the codes have log
        variances; scores, top2_r2 and top2_nmi, where there are factors.
    """
    z, few = without_rounding(codes.plain, codes.precision), slice(num_points)
    classes, figures = None, {}
    if codes.z_logvar is not None:
        classes = tc.classify_latents(z, codes.z_logvar)
        kl = tc.gaussian_kl(z, codes.z_logvar).mean(axis=0)
        share = tc.signal_share(z, codes.z_logvar)
        figures["latents"] = latents.latent_bars(share, kl, classes)
    if factors is not None:
        figures["scores"] = latents.score_heat_maps(
            scores["r2_matrix"], scores["nmi_matrix"], factor_names
        )
        for kind, label in (("r2", "R$^2$"), ("nmi", "normalised mutual information")):
            figures[f"top2_{kind}"] = latents.top_two_scatter(
                z[few],
                factors[few],
                factor_names,
                scores[f"top2_{kind}_latents"],
                scores[f"top2_{kind}_scores"],
                label,
                categorical,
            )
    pairwise = tc.pairwise_mutual_information(z).value
    figures["pairs"] = latents.pair_plot(z[few], pairwise, classes)
    return figures
