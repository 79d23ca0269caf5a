# SPDX-License-Identifier: Apache-2.0
"""Figures of the headline: the two total correlations, and how they come about."""

from matplotlib import figure, ticker

from rtc_plugin.results import quantities as q
from rtc_plugin.visualize import style
from rtc_plugin.visualize.style import plain

_LINEAR_UP_TO = 0.01


def disparity(cells):
    """TC of means against TC of samples: all latents left, the active ones right.

    On the dashed line the two agree; the further above it, the more noise hides of the
    dependence of the means. Larger dots are larger strengths. Models that have not
    learnt are left out: theirs are total correlations of constants.

    Args:
        cells: DataFrame as `rtc_plugin.report.headline.cells` gives it.

    Returns:
        Figure with a row of two panels per data set.
    """
    cells = cells[cells["learnt"]]
    datasets = list(dict.fromkeys(cells["dataset"]))
    fig = figure.Figure(
        figsize=(8.4, 3.6 * max(len(datasets), 1)), layout="constrained"
    )
    if not datasets:
        fig.suptitle("No model has learnt.")
        return fig
    grid = fig.subplots(len(datasets), 2, squeeze=False)
    sizes = {s: 30 + 45 * i for i, s in enumerate(sorted(set(cells["strength"])))}
    for dataset, panels in zip(datasets, grid):
        rows = cells[cells["dataset"] == dataset]
        for axes, suffix in zip(panels, ("", "_active")):
            for name in q.in_order(rows["model"]):
                models = rows[rows["model"] == name]
                axes.scatter(
                    models["tc_sample" + suffix],
                    models["tc_mean" + suffix],
                    s=models["strength"].map(sizes),
                    color=style.colour_of(name),
                    marker=style.MODELS[name][1],
                    alpha=0.8,
                    label=plain(q.label(name)),
                )
            _same_scales(axes)
            which = "active latents only" if suffix else "all latents"
            axes.set_title(f"{plain(dataset)}, {which}", fontsize=10)
            axes.set_xlabel("TC of samples [nats]")
        panels[0].set_ylabel("TC of means [nats]")
    legend = grid[0, 0].legend(fontsize=8)
    for handle in legend.legend_handles:
        handle.set_sizes([40])
    return fig


def _same_scales(axes):
    largest = 1.2 * max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, largest], [0, largest], ls="--", color=style.GREY, lw=1, zorder=0)
    for axis, set_scale, set_limits in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        set_scale("symlog", linthresh=_LINEAR_UP_TO)
        set_limits(0, largest)
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))


def curves(curves):
    """Learning curves: both total correlations above, active latents below.

    Args:
        curves: Dictionary of names and DataFrames as
            `rtc_plugin.report.headline.read_curve` gives them.

    Returns:
        Figure with a column per model.
    """
    fig = figure.Figure(figsize=(4.2 * max(len(curves), 2), 5.2), layout="constrained")
    grid = fig.subplots(
        2, len(curves), squeeze=False, sharex="col", sharey="row", height_ratios=(3, 1)
    )
    for (name, curve), (upper, lower) in zip(curves.items(), grid.T):
        for column, drawn in style.TC.items():
            upper.plot(curve["update"], curve[column], **{**drawn, "marker": ""})
        upper.set_yscale("symlog", linthresh=0.1)
        upper.set_ylim(bottom=0)
        upper.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        upper.set_title(plain(name), fontsize=10)
        lower.plot(curve["update"], curve["num_active"], color="black")
        lower.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
        lower.set_xlabel("updates")
    grid[1, 0].set_ylim(-0.5, max(c["num_active"].max() for c in curves.values()) + 0.5)
    grid[0, 0].set_ylabel("total correlation [nats]")
    grid[1, 0].set_ylabel("active latents")
    grid[0, -1].legend(fontsize=8)
    return fig
