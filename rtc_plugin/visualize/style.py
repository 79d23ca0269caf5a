# SPDX-License-Identifier: Apache-2.0
"""Colours, markers and words of figures; what models are called is in `results.models`.

Colours are Okabe and Ito's, which the colour-blind can tell apart, without the yellow
and the black that one of a light and a dark page would swallow.
"""

from rtc_plugin.results.models import PAPER_MODELS

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, PURPLE, GREY, DARK_GREY = (
    "#CC79A7",
    "#56B4E9",
    "#8C6BB1",
    "#999999",
    "#777777",
)
MODELS = {
    "factor_vae": (ORANGE, "s"),
    "dip_vae_i": (GREEN, "^"),
    "dip_vae_ii": (RED, "v"),
    "rtc_vae": (BLUE, "o"),
    "beta_vae": (GREY, "D"),
    "beta_tc_vae": (PINK, "P"),
    "annealed_vae": (SKY, "X"),
    "tc_vae": (PURPLE, "*"),
}
_OTHER = (DARK_GREY, ".")
# Both total correlations, of all latents and of the active ones.
TC = {
    "tc_mean": dict(color=RED, marker="s", label="means"),
    "tc_sample": dict(color=BLUE, marker="o", label="samples"),
    "tc_mean_active": dict(
        color=RED, marker="s", ls=":", mfc="none", label="means, active latents"
    ),
    "tc_sample_active": dict(
        color=BLUE, marker="o", ls=":", mfc="none", label="samples, active latents"
    ),
}
# What the quantities of a model are called on axes and in TensorBoard.
HEADINGS = {
    "weight": "regularisation strength",
    "eta": "weight of the variance penalty, \u03b7",
    "tc_mean": "TC of means [nats]",
    "tc_sample": "TC of samples [nats]",
    "tc_mean_active": "TC of means, active latents [nats]",
    "tc_sample_active": "TC of samples, active latents [nats]",
    "num_active": "active latents",
    "signal_share_mean": "mean signal share",
    "knn_sample": "TC of samples, by neighbours [nats]",
    "tree_sample": "TC of samples, by the tree of pairs [nats]",
    "sap": "SAP",
    "mig": "MIG",
    "disintegration": "disintegration, by information",
    "r2_disintegration": "disintegration, by R\u00b2",
    "reconstruction": "reconstruction error [nats]",
}


def colour_of(model):
    """Returns the colour of a model, known or not."""
    return MODELS.get(model, _OTHER)[0]


def of_model(model, **more):
    """Returns how a model is drawn; one that the paper does not have is dashed.

    Args:
        model: Its name.
        **more: Further properties of a line.

    Returns:
        Dictionary of properties.
    """
    colour, marker = MODELS.get(model, _OTHER)
    drawn = dict(color=colour, marker=marker, **more)
    return drawn if model in PAPER_MODELS else {"ls": "--", **drawn}


def plain(name, most=30):
    r"""Returns a name that others chose as a figure can hold it.

    Args:
        name: Any string; matplotlib would read `$\frac{$` as a broken formula.
        most: Characters.
    """
    name = " ".join(name.split())
    short = name if len(name) <= most else name[: most - 1] + "\u2026"
    return short.replace("$", r"\$")
