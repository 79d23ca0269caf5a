# SPDX-License-Identifier: Apache-2.0
"""Figures of codes: pairs of latents, latents against factors, what each carries.

Colours are viridis, cividis and those of Okabe and Ito, which the colour-blind can
tell apart. Points are drawn as an image inside SVG files, text and axes as lines.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
    (figures 6 to 9, 14 to 16)
"""

import numpy as np
from matplotlib import cm, colors, figure, patches

from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.visualize import style
from rtc_plugin.visualize.style import plain

# With the yellow and the black, for factors of many kinds.
_KINDS = [
    style.BLUE,
    style.ORANGE,
    style.GREEN,
    style.PINK,
    style.SKY,
    style.RED,
    "#F0E442",
    "#000000",
]
_CLASS_COLOURS = {"active": style.BLUE, "mixed": style.ORANGE, "passive": style.GREY}


def pair_plot(z, pairwise=None, classes=None):
    """Draws every latent against every other (figures 14 to 16 of [1]).

    Args:
        z: [n, num_latent] codes; 2000 in the paper.
        pairwise: [num_latent, num_latent] mutual information in nats. If given, the
            upper triangle shows it and the correlation.
        classes: [num_latent] of "active", "mixed", "passive"; colours the histograms.

    Returns:
        Figure of a quarter page to a page.
    """
    num_latent = z.shape[1]
    size = max(2.5, 0.85 * num_latent)
    fig = figure.Figure(figsize=(size, size), layout="constrained")
    grid = fig.subplots(num_latent, num_latent, squeeze=False)
    limits = [_limits(column) for column in z.T]
    correlation = _correlation(z)
    for i in range(num_latent):
        for j in range(num_latent):
            axes = grid[i, j]
            axes.set_xticks([])
            axes.set_yticks([])
            if i == j:
                colour = (
                    _CLASS_COLOURS[classes[i]] if classes is not None else style.BLUE
                )
                axes.hist(z[:, i], bins=30, range=limits[i], color=colour)
            elif i > j:
                axes.scatter(
                    z[:, j], z[:, i], s=0.4, color="black", alpha=0.4, rasterized=True
                )
                axes.set_xlim(limits[j])
                axes.set_ylim(limits[i])
            elif pairwise is not None:
                _write_pair(axes, correlation[i, j], pairwise[i, j])
            else:
                axes.axis("off")
            if i == num_latent - 1:
                axes.set_xlabel(f"$z_{{{j}}}$", fontsize=9)
            if j == 0:
                axes.set_ylabel(f"$z_{{{i}}}$", fontsize=9)
    if pairwise is not None:
        fig.suptitle(
            "below: codes; above: correlation (shade and number) and mutual information"
            " in nats",
            fontsize=8,
        )
    return fig


def _write_pair(axes, correlation, information):
    axes.set_facecolor(cm.cividis(abs(correlation)))
    colour = _ink(abs(correlation))
    axes.text(
        0.5,
        0.5,
        f"{correlation:.2f}\n{information:.2f}",
        ha="center",
        va="center",
        fontsize=7,
        color=colour,
        transform=axes.transAxes,
    )


def top_two_scatter(
    z, factors, factor_names, latents, scores, score_name, categorical=()
):
    """Draws the two latents that tell most about each factor, coloured by it.

    Figures 6 and 7 of [1]: a factor in one latent changes colour along one axis only,
    a factor that is split over two in both.

    Args:
        z: [n, num_latent] codes.
        factors: [n, num_factors] values.
        factor_names: [num_factors] names.
        latents: [num_factors, 2] the best latent of each factor and the next.
        scores: [num_factors, 2] their scores.
        score_name: What the scores are, for the title.
        categorical: Names of factors whose values have no order.

    Returns:
        Figure, three factors a row.
    """
    latents, scores = np.asarray(latents), np.asarray(scores)
    num_factors = len(factor_names)
    columns = min(3, num_factors)
    rows = -(-num_factors // columns)
    fig = figure.Figure(figsize=(2.6 * columns, 2.4 * rows), layout="constrained")
    grid = fig.subplots(rows, columns, squeeze=False)
    fig.suptitle(f"{score_name} of both latents, and their correlation", fontsize=8)
    for axes in grid.flat[num_factors:]:
        axes.axis("off")
    for j, axes in zip(range(num_factors), grid.flat):
        first, second = latents[j, 0], latents[j, -1]
        values = factors[:, j]
        few = int(values.max()) + 1
        if factor_names[j] in categorical and few <= len(_KINDS):
            palette = colors.ListedColormap(_KINDS[:few])
        else:
            palette = "viridis"
        correlation = _correlation(z)[first, second]
        points = axes.scatter(
            z[:, first],
            z[:, second],
            c=values,
            cmap=palette,
            vmin=-0.5,
            vmax=few - 0.5,
            s=3,
            rasterized=True,
        )
        bar = fig.colorbar(points, ax=axes, pad=0.02)
        bar.set_ticks(np.unique(np.linspace(0, few - 1, min(few, 6)).astype(int)))
        bar.ax.tick_params(labelsize=6)
        axes.set_title(
            f"{plain(factor_names[j])}: {scores[j, 0]:.2f}, {scores[j, -1]:.2f}, "
            rf"$\rho$ = {correlation:.2f}",
            fontsize=8,
        )
        axes.set_xlabel(f"$z_{{{first}}}$", fontsize=8)
        axes.set_ylabel(f"$z_{{{second}}}$", fontsize=8)
        axes.tick_params(labelsize=6)
    return fig


def score_heat_maps(r2, nmi, factor_names):
    """Draws latents against factors by R2 and by normalised mutual information.

    Figures 8 and 9 of [1]. The two largest scores of each factor are written.

    Args:
        r2: [num_latent, num_factors] in [0, 1].
        nmi: [num_latent, num_factors] in [0, 1].
        factor_names: [num_factors] names.

    Returns:
        Figure.
    """
    r2, nmi = np.asarray(r2), np.asarray(nmi)
    num_latent, num_factors = r2.shape
    names = [plain(name, most=20) for name in factor_names]
    fig = figure.Figure(
        figsize=(1.4 + 0.92 * num_factors, 1.3 + 0.25 * num_latent),
        layout="constrained",
    )
    for axes, scores, title in zip(
        fig.subplots(1, 2), (r2, nmi), ("R$^2$", "normalised mutual information")
    ):
        image = axes.imshow(scores, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for j in range(num_factors):
            for k in np.argsort(-scores[:, j])[:2]:
                axes.text(
                    j,
                    k,
                    f"{scores[k, j]:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=_ink(scores[k, j]),
                )
        axes.set_title(title, fontsize=9)
        axes.set_xticks(range(num_factors), names, rotation=45, ha="right")
        axes.set_yticks(range(num_latent), [f"$z_{{{k}}}$" for k in range(num_latent)])
        axes.tick_params(labelsize=8)
    fig.colorbar(image, ax=fig.axes, pad=0.01).ax.tick_params(labelsize=7)
    return fig


def latent_bars(signal_share, kl, classes):
    """Draws what each latent carries: its signal share r_k and its KL divergence.

    Args:
        signal_share: [num_latent] in [0, 1].
        kl: [num_latent], nats.
        classes: [num_latent] of "active", "mixed", "passive".

    Returns:
        Figure.
    """
    places = np.arange(len(signal_share))
    names = [f"$z_{{{k}}}$" for k in places]
    fig = figure.Figure(figsize=(1.5 + 0.32 * len(places), 3.2), layout="constrained")
    upper, lower = fig.subplots(2, 1, sharex=True)
    for axes, values, label in (
        (upper, signal_share, "signal share $r_k$"),
        (lower, kl, "KL [nats]"),
    ):
        for name, colour in _CLASS_COLOURS.items():
            chosen = np.asarray(classes) == name
            axes.bar(places[chosen], np.asarray(values)[chosen], color=colour)
        axes.set_ylabel(label, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    upper.set_ylim(0, 1)
    lower.set_xticks(places, names)
    fig.legend(
        # Bars of a class that no latent is in would have no colour of their own.
        handles=[
            patches.Patch(color=colour, label=name)
            for name, colour in _CLASS_COLOURS.items()
        ],
        loc="outside upper center",
        ncols=3,
        fontsize=7,
        frameon=False,
    )
    return fig


def _ink(share):
    """Returns the colour of text on cividis that is told from it better."""
    return "black" if share > 0.47 else "white"


def _limits(column):
    low, high = np.quantile(column, [0.002, 0.998])
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _correlation(z):
    # 0 for a constant latent.
    unit = scores_lib.standardise(z)
    return np.clip(unit.T @ unit / len(z), -1.0, 1.0)
