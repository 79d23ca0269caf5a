# SPDX-License-Identifier: Apache-2.0
"""Figures of a study, from its results table.

Each function takes the rows of one data set and returns a matplotlib figure. A dot is
one trained model, a line goes through the mean over seeds. A bar joins the seeds of one
strength; it is a band only where every strength has three or more. A cross is a model
that has not learnt (see `quantities.not_learnt`), and no part of lines, bands and the
panel's scale: one that is beyond it stands at the edge.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
    (figures 3, 4, 8 to 11)
"""

import numpy as np
from matplotlib import figure, lines, ticker

from rtc_plugin.results import claims
from rtc_plugin.results import quantities as q
from rtc_plugin.visualize import latents
from rtc_plugin.visualize import style as style_lib
from rtc_plugin.visualize.style import plain

# On the data set of the models; scales in nats are linear up to here.
_LINEAR_UP_TO = 0.1
_CROSS = "cross"
_NATS_TICKS = (0.0, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def disparity(models):
    """TC of means and of samples against strength, and what the latents carry.

    Figure 3 of [1], with the total correlation of the active latents alone and, below,
    the signal share r_k of every latent: noise in latents of low r_k hides the
    dependence of their means.

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure with a column per model of the paper that is there.
    """
    names, fig = _column_per_model(models, 5.2)
    grid = fig.subplots(
        2, len(names), squeeze=False, sharey="row", sharex=True, height_ratios=(3, 2)
    )
    for name, (upper, lower) in zip(names, grid.T):
        rows = models[models["model"] == name]
        for y, style in style_lib.TC.items():
            _line(upper, rows, "weight", y, **style)
        upper.set_title(plain(q.label(name)), fontsize=10)
        upper.grid(alpha=0.25)
        _draw_shares(lower, rows)
        _strength_axis(lower, models)
    _nats_axis(grid[0, 0], "y")
    grid[0, 0].set_ylabel("total correlation [nats]")
    grid[1, 0].set_ylabel("signal share of\neach latent, r")
    _legend(
        fig,
        [
            lines.Line2D([], [], label=label, **_without(style, "label"))
            for label, style in ((s["label"], s) for s in style_lib.TC.values())
        ],
    )
    return fig


def tc_comparison(models):
    """TC of means against strength: figures 4, 10d and 11a of [1].

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure: all latents left, the active ones right.
    """
    return _against_strength(models, ("tc_mean", "tc_mean_active"), nats=True)


def scores(models):
    """Figures 10 and 11 of [1].

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure of six panels: TC of samples and SAP against strength, reconstruction
        error against strength; SAP and TC of means against the reconstruction error,
        SAP against TC of means.
    """
    fig = figure.Figure(figsize=(9.6, 6.4), layout="constrained")
    panels = fig.subplots(2, 3).flat
    pairs = (
        ("weight", "tc_sample"),
        ("weight", "sap"),
        ("weight", "reconstruction"),
        ("reconstruction", "sap"),
        ("reconstruction", "tc_mean"),
        ("tc_mean", "sap"),
    )
    for axes, (x, y) in zip(panels, pairs):
        for name in q.in_order(models["model"]):
            rows = models[models["model"] == name]
            if x == "weight":
                _line(axes, rows, x, y, **style_lib.of_model(name))
            else:
                _dots(axes, rows, x, y, alpha=0.85, **style_lib.of_model(name, ms=5))
        for which, quantity in (("x", x), ("y", y)):
            if quantity.startswith("tc_"):
                _nats_axis(axes, which)
            getattr(axes, f"set_{which}label")(style_lib.HEADINGS[quantity])
        if x == "weight":
            _strength_axis(axes, models)
        axes.grid(alpha=0.25)
    _model_legend(fig, models)
    return fig


def non_gaussian(models):
    """TC of samples by nearest neighbours and the tree beside the Gaussian one.

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure with a column per model of the paper that is there.
    """
    names, fig = _column_per_model(models, 3.4)
    styles = {
        "knn_sample": dict(
            color=style_lib.GREEN, marker="^", label="nearest neighbours"
        ),
        "tree_sample": dict(color=style_lib.PINK, marker="v", label="tree of pairs"),
        "gaussian_sample": dict(color=style_lib.BLUE, marker="o", label="Gaussian"),
    }
    styles = {y: style for y, style in styles.items() if models[y].notna().any()}
    for name, axes in zip(
        names, fig.subplots(1, len(names), squeeze=False, sharey=True)[0]
    ):
        rows = models[models["model"] == name]
        for y, style in styles.items():
            _line(axes, rows, "weight", y, **style)
        axes.set_title(plain(q.label(name)), fontsize=10)
        axes.grid(alpha=0.25)
        _strength_axis(axes, models)
    fig.axes[0].set_ylim(bottom=min(0.0, fig.axes[0].get_ylim()[0]))
    fig.axes[0].set_ylabel(style_lib.HEADINGS["tc_sample"])
    _legend(fig, [lines.Line2D([], [], **style) for style in styles.values()])
    return fig


def active_latents(models):
    """Active latents against the weight of the variance penalty.

    FactorVAE stands at 0: without the penalty, RTC-VAE is FactorVAE.

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure: left the number of active latents (signal share of 0.9 or more), right
        the mean signal share.
    """
    rows = models[models["model"].isin(["factor_vae", "rtc_vae"])].copy()
    rows["eta"] = rows["eta"].fillna(0.0)
    fig = figure.Figure(figsize=(7.6, 3.4), layout="constrained")
    for axes, (y, label) in zip(
        fig.subplots(1, 2),
        (
            ("num_active", style_lib.HEADINGS["num_active"]),
            ("signal_share_mean", style_lib.HEADINGS["signal_share_mean"]),
        ),
    ):
        for weight, group in rows.groupby("weight"):
            # Lines of equal beta: eta alone moves along them.
            shade = 0.35 + 0.65 * _rank(weight, rows["weight"])
            ends = group[_learnt(group)].groupby("eta")[y].mean()
            axes.plot(ends.index, ends, color=style_lib.BLUE, alpha=shade, lw=1.2)
        for name in ("factor_vae", "rtc_vae"):
            dots = rows[rows["model"] == name]
            _dots(axes, dots, "eta", y, **style_lib.of_model(name, ms=6))
        axes.set_xscale("symlog", linthresh=5)
        ticks = sorted(rows["eta"].unique())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(style_lib.HEADINGS["eta"])
        axes.set_ylabel(label)
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
        axes.grid(alpha=0.25)
    _model_legend(fig, rows)
    return fig


def disintegration(models):
    """How far factors split over independent latents, against strength.

    Args:
        models: Rows of `quantities` of one data set.

    Returns:
        Figure: by mutual information left, by R2 right.
    """
    return _against_strength(models, ("disintegration", "r2_disintegration"))


def heat_maps(models, model, factor_names=None, weight=10.0):
    """Latents against factors by R2 and mutual information: figures 8, 9 of [1].

    Args:
        models: Rows of `quantities` of one data set.
        model: Which model to show, "rtc_vae" in figure 8 and "dip_vae_i" in figure 9.
        factor_names: Names of the ground-truth factors; numbered if None, or if they
            are not as many as the table has factors.
        weight: Of the models, the one with the strength closest to it is shown.

    Returns:
        Figure and the row that it shows; None and None if no model has the scores.
    """
    rows = models[(models["model"] == model) & models["r2_matrix"].notna()]
    rows = rows[rows["nmi_matrix"].notna()]
    if rows.empty:
        return None, None
    distance = np.abs(np.log(rows["weight"].clip(lower=1e-9) / weight))
    row = rows.loc[distance.idxmin()]
    num_factors = row["r2_matrix"].shape[1]
    names = factor_names or []
    if len(names) != num_factors:
        names = [f"factor {j}" for j in range(num_factors)]
    fig = latents.score_heat_maps(row["r2_matrix"], row["nmi_matrix"], names)
    for axes in fig.axes[:2]:
        for text in axes.texts:
            # Not the page's own black and white: the cells keep their colours.
            text.set_color("#fefefe" if text.get_color() == "white" else "#010101")
    return fig, row


def learning_curves(curves):
    """TC of means and of samples while models train.

    Args:
        curves: DataFrame with `model`, `weight`, `seed`, `update` (of the encoder),
            `tc_mean` and `tc_sample`, of one data set; see `tc_monitor`.

    Returns:
        Figure with a column per model.
    """
    names = q.in_order(curves["model"])
    columns = min(4, len(names))
    num_rows = -(-len(names) // columns)
    fig = figure.Figure(
        figsize=(2.6 * max(columns, 2) + 0.6, 2.7 * num_rows + 0.5),
        layout="constrained",
    )
    grid = fig.subplots(num_rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(names) :]:
        axes.axis("off")
    for name, axes in zip(names, grid.flat):
        rows = curves[curves["model"] == name]
        for (weight, _), run in rows.groupby(["weight", "seed"], dropna=False):
            shade = 0.3 + 0.7 * _rank(weight, rows["weight"])
            for y in ("tc_mean", "tc_sample"):
                axes.plot(
                    run["update"],
                    run[y],
                    color=style_lib.TC[y]["color"],
                    alpha=shade,
                    lw=1.3,
                )
        axes.set_title(plain(q.label(name)), fontsize=10)
        axes.set_xlabel("update")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(4))
        axes.grid(alpha=0.25)
    _nats_axis(grid[0, 0], "y")
    for axes in grid[:, 0]:
        axes.set_ylabel("total correlation [nats]")
    _legend(
        fig,
        [
            lines.Line2D(
                [], [], color=style_lib.TC[y]["color"], label=style_lib.TC[y]["label"]
            )
            for y in ("tc_mean", "tc_sample")
        ],
    )
    return fig


def learning_curve(updates, tc_mean, tc_sample):
    """TC of means and of samples of one model, as `learning_curves` draws them.

    Args:
        updates: List of numbers of updates of the encoder.
        tc_mean: List, nats.
        tc_sample: List, nats.

    Returns:
        Figure.
    """
    fig = figure.Figure(figsize=(4.6, 2.6), layout="constrained")
    axes = fig.subplots()
    for y, values in (("tc_mean", tc_mean), ("tc_sample", tc_sample)):
        axes.plot(updates, values, ms=3, **_without(style_lib.TC[y], "ms"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("update")
    axes.set_ylabel("TC [nats]")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, frameon=False)
    return fig


def _against_strength(models, ys, nats=False):
    fig = figure.Figure(figsize=(4.2 * len(ys), 3.8), layout="constrained")
    for axes, y in zip(fig.subplots(1, len(ys), sharey=True), ys):
        for name in q.in_order(models["model"]):
            rows = models[models["model"] == name]
            _line(axes, rows, "weight", y, **style_lib.of_model(name))
        axes.set_ylabel(style_lib.HEADINGS[y])
        axes.yaxis.set_tick_params(labelleft=True)
        axes.grid(alpha=0.25)
        _strength_axis(axes, models)
    if nats:
        _nats_axis(fig.axes[0], "y")
    else:
        fig.axes[0].set_ylim(bottom=0)
    _model_legend(fig, models)
    return fig


def _line(axes, rows, x, y, **style):
    """Draws a line through the means over seeds, a band over them and their dots."""
    rows = rows[rows[x].notna() & rows[y].notna()]
    _crosses(axes, rows, x, y, style["color"])
    rows = rows[_learnt(rows)]
    if rows.empty:
        return
    seeds = rows.groupby(x)[y]
    center, low, high = seeds.mean(), seeds.min(), seeds.max()
    axes.plot(center.index, center, **{"ms": 5, **style})
    several = center.index[seeds.size() > 1]
    if several.empty:
        return
    colour = style["color"]
    if len(several) > 1 and seeds.size().min() >= claims.MIN_SEEDS:
        axes.fill_between(center.index, low, high, color=colour, alpha=0.18, lw=0)
    else:
        axes.vlines(several, low[several], high[several], color=colour, lw=1.2)
    some = rows[rows[x].isin(several)]
    axes.plot(some[x], some[y], ls="", marker=".", ms=4, color=colour, alpha=0.7)


def _dots(axes, rows, x, y, **style):
    learnt = rows[_learnt(rows)]
    axes.plot(learnt[x], learnt[y], **{**style, "ls": ""})
    _crosses(axes, rows, x, y, style["color"])


def _crosses(axes, rows, x, y, color):
    rows = rows[~_learnt(rows)]
    if rows.empty:
        return
    style = dict(ls="", marker="x", ms=6, mew=1.4, color=color)
    # An artist of no data, which the scale does not follow.
    axes.add_artist(lines.Line2D(rows[x], rows[y], **style, clip_on=False, gid=_CROSS))


def _learnt(rows):
    return rows["not_learnt"] == ""


def _draw_shares(axes, rows):
    for weight, group in rows.groupby("weight"):
        shares = [share for share in group["signal_share"] if share is not None]
        if not shares:
            continue
        shares = np.sort(np.concatenate(shares))
        # Side by side rather than on top of each other.
        spread = weight * 1.25 ** np.linspace(-1, 1, len(shares))
        axes.plot(
            spread, shares, ls="", marker="o", ms=3, color=style_lib.GREY, alpha=0.8
        )
    for edge in (0.1, 0.9):
        axes.axhline(edge, color="black", lw=0.6, ls=":")
    axes.set_ylim(-0.05, 1.05)


def _strength_axis(axes, rows):
    ticks = sorted(rows["weight"].dropna().unique())
    if not ticks:
        return
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    margin = 1.35
    axes.set_xlim(ticks[0] / margin, ticks[-1] * margin)
    axes.set_xlabel(style_lib.HEADINGS["weight"])


def _nats_axis(axes, which):
    """Scales an axis of drawn panels; those that share it follow."""
    getattr(axes, f"set_{which}scale")("symlog", linthresh=_LINEAR_UP_TO)
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(ticker.FixedLocator(_NATS_TICKS))
    axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(ticker.NullLocator())
    _, high = getattr(axes, f"get_{which}lim")()
    getattr(axes, f"set_{which}lim")(0.0, 1.15 * high)


def _rank(value, values):
    unique = sorted(set(values))
    return 1.0 if len(unique) < 2 else unique.index(value) / (len(unique) - 1)


def _without(style, name):
    return {key: value for key, value in style.items() if key != name}


def _model_legend(fig, models):
    _legend(
        fig,
        [
            lines.Line2D([], [], label=plain(q.label(name)), **style_lib.of_model(name))
            for name in q.in_order(models["model"])
        ],
    )


def _legend(fig, handles):
    """Adds the legend to a figure that is drawn, and what depends on its scales."""
    fig.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(len(handles), 4),
        fontsize=9,
        frameon=False,
    )
    for axes in fig.axes:
        axes.spines[["top", "right"]].set_visible(False)
        for line in axes.lines:
            if line.get_gid() == _CROSS:
                x, y = line.get_data()
                line.set_data(
                    np.clip(x, *axes.get_xlim()), np.clip(y, *axes.get_ylim())
                )


def _column_per_model(models, height):
    """Returns the paper's models that are there, and a figure as wide as they need."""
    names = [name for name in q.PAPER_MODELS if (models["model"] == name).any()]
    width = 2.6 * max(len(names), 2) + 0.6
    return names, figure.Figure(figsize=(width, height), layout="constrained")
