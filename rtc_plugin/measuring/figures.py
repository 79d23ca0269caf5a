# SPDX-License-Identifier: Apache-2.0
"""The figures of a report, those that `rtc visualize` draws of a run."""

from rtc_plugin import measures
from rtc_plugin import total_correlation as tc
from rtc_plugin.measures.scores import CATEGORICAL
from rtc_plugin.measures.tc_nongaussian import without_rounding
from rtc_plugin.visualize import latents as latent_figures

NUM_POINTS = 2000
# Rows behind the numbers in the figures.
_NUM_ROWS = 5000


def draw(report):
    """Returns the figures of a report, see `Report.figures`."""
    arrays = report.arrays.head(_NUM_ROWS)
    codes = arrays.codes
    z = without_rounding(codes.plain, codes.precision)
    few = slice(NUM_POINTS)
    classes = None
    figures = {}
    if codes.z_logvar is not None:
        classes = tc.classify_latents(codes.z_mean, codes.z_logvar)
        kl = tc.gaussian_kl(codes.z_mean, codes.z_logvar)
        share = tc.signal_share(codes.z_mean, codes.z_logvar)
        figures["latents"] = latent_figures.latent_bars(share, kl.mean(axis=0), classes)
    if arrays.factors is not None:
        found = report.results.get("factor_disintegration")
        if found is None:
            found = measures.factor_disintegration(
                z, arrays.values, 0, arrays.categorical
            )
        names = arrays.factor_names
        categorical = [names[j] for j in arrays.categorical] + list(CATEGORICAL)
        figures["scores"] = latent_figures.score_heat_maps(
            found["r2_matrix"], found["nmi_matrix"], names
        )
        for kind, label in (("r2", "R$^2$"), ("nmi", "normalised mutual information")):
            figures[f"top2_{kind}"] = latent_figures.top_two_scatter(
                z[few],
                arrays.factors[few],
                names,
                found[f"top2_{kind}_latents"],
                found[f"top2_{kind}_scores"],
                label,
                categorical,
            )
    pairwise = tc.pairwise_mutual_information(z).value
    figures["pairs"] = latent_figures.pair_plot(z[few], pairwise, classes)
    return figures
