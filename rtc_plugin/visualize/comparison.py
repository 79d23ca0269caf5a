# SPDX-License-Identifier: Apache-2.0
"""The figure of a comparison: distributions per method and strength, own runs marked.

As the study plots them (its figures of scores per method): a violin per method, here
with each run as a dot, strengths from left to right within their method.
"""

import math

import numpy as np
from matplotlib import figure, lines

from rtc_plugin.results import comparison
from rtc_plugin.results import models as models_lib
from rtc_plugin.visualize import style
from rtc_plugin.visualize.style import plain

_OWN = "#C0245E"
_FEWEST_FOR_VIOLIN = 10
_MOST_AS_VECTORS = 400
_WIDTH = 0.6
# Total correlations reach from hundredths of a nat to tens of nats.
_LINEAR_UP_TO, _LOGARITHMIC_FROM = 1.0, 10.0


def distributions(runs):
    """Draws all panels of one data set.

    Args:
        runs: Rows of `Comparison.runs` of one data set.

    Returns:
        Matplotlib figure.
    """
    panels = _panels(runs)
    num_columns = min(3, len(panels))
    num_rows = math.ceil(len(panels) / num_columns)
    fig = figure.Figure(
        figsize=(4.3 * num_columns, 2.9 * num_rows + 0.5), layout="constrained"
    )
    grid = list(fig.subplots(num_rows, num_columns, squeeze=False).flat)
    for axes, rows in zip(grid, panels):
        _draw_panel(axes, rows)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    fig.legend(
        handles=[
            _handle("o", style.DARK_GREY, "zoo's run"),
            _handle("D", _OWN, "own run", edge="white"),
        ],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    return fig


def panels(runs):
    """Draws each panel of one data set as a figure of its own.

    Args:
        runs: Rows of `Comparison.runs` of one data set.

    Returns:
        List of pairs of what the panel shows and a matplotlib figure.
    """
    drawn = []
    for rows in _panels(runs):
        fig = figure.Figure(figsize=(3.4, 2.5), layout="constrained")
        _draw_panel(fig.subplots(), rows)
        drawn.append((_title(rows), fig))
    return drawn


def _panels(runs):
    return [
        rows
        for _, rows in runs.groupby(comparison.PANEL[1:], sort=False)
        if rows["role"].nunique() == 2
    ]


def _handle(marker, colour, label, edge="none"):
    return lines.Line2D(
        [],
        [],
        marker=marker,
        ls="",
        color=colour,
        markeredgecolor=edge,
        markersize=7,
        label=label,
    )


def _draw_panel(axes, rows):
    names = models_lib.in_order(rows["model"])
    for x, name in enumerate(names):
        if x % 2:
            axes.axvspan(
                x - 0.5, x + 0.5, color=style.DARK_GREY, alpha=0.08, linewidth=0
            )
        method = rows[rows["model"] == name]
        strengths = sorted(set(method["strength"].dropna()))
        zoo = method[method["role"] == comparison.ZOO]
        colour = style.colour_of(name)
        values = zoo["value"].to_numpy(float)
        if len(values) >= _FEWEST_FOR_VIOLIN and np.ptp(values) > 0:
            violin = axes.violinplot(
                values, positions=[x], widths=0.9, showextrema=False
            )
            violin["bodies"][0].set(facecolor=colour, alpha=0.25, edgecolor="none")
        axes.scatter(
            x + _offsets(zoo, strengths),
            values,
            s=14,
            color=colour,
            alpha=0.75 if len(values) < 60 else 0.3,
            linewidths=0,
            rasterized=len(rows) > _MOST_AS_VECTORS,
        )
        own = method[method["role"] == comparison.OWN]
        axes.scatter(
            x + _offsets(own, strengths),
            own["value"].to_numpy(float),
            s=34,
            marker="D",
            color=_OWN,
            edgecolors="white",
            linewidths=0.8,
            zorder=3,
        )
    direction = "higher" if rows["higher_is_better"].iloc[0] else "lower"
    axes.set_title(plain(_title(rows)), fontsize=10)
    axes.set_ylabel(f"{direction} is better", fontsize=8)
    if direction == "lower" and rows["value"].max() > _LOGARITHMIC_FROM:
        axes.set_yscale("symlog", linthresh=_LINEAR_UP_TO)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylabel(f"lower is better; log. above {_LINEAR_UP_TO:g}", fontsize=8)
    ticks = [plain(models_lib.label(name), most=16) for name in names]
    axes.set_xticks(range(len(names)), ticks)
    axes.tick_params(axis="x", rotation=30, labelsize=8)
    for text in axes.get_xticklabels():
        text.set(ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", alpha=0.25)
    axes.set_xlim(-0.5, len(names) - 0.5)


def _title(rows):
    quantity, representation = (
        rows[column].iloc[0] for column in ("quantity", "representation")
    )
    # What is measured on both means and variances says in its name of which.
    if representation not in ("mean", "sampled"):
        return quantity
    return f"{quantity} · {representation}"


def _offsets(rows, strengths):
    """Spreads strengths from left to right, and seeds a little around them."""
    if rows.empty or not strengths:
        return np.zeros(len(rows))
    places = np.linspace(-1, 1, len(strengths)) if len(strengths) > 1 else [0.0]
    at = rows["strength"].map(dict(zip(strengths, places))).fillna(0.0)
    seeds = rows["seed"].fillna(0).to_numpy(float)
    jitter = (seeds - seeds.mean()) / max(np.ptp(seeds), 1.0) * 0.08
    return at.to_numpy(float) * _WIDTH / 2 + jitter
