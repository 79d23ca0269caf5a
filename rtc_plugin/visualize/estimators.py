# SPDX-License-Identifier: Apache-2.0
"""Figures of the estimator study: the estimate against the truth.

Each function takes a study's rows (columns `cells.COLUMNS`) and returns a
matplotlib figure. Bands are two standard errors; the scale is linear between -1 and 1
nat and logarithmic beyond, so that a bias of a hundred nats and an error of a tenth
can be seen side by side.
"""

import numpy as np
from matplotlib import figure

from rtc_plugin.files import whole_file

_COLOURS = {
    "raw": "tab:gray",
    "naive": "tab:olive",
    "mws": "tab:brown",
    "mss0": "tab:orange",
    "mss1": "tab:red",
    "mss_sym": "tab:pink",
    "leave_one_out": "tab:purple",
    "gaussian": "tab:cyan",
    "copula": "lightseagreen",
    "knn": "tab:green",
    "tree": "yellowgreen",
    "density_ratio": "tab:blue",
    "mixture": "black",
}
_LABELS = {
    "det": "det Corr(mu)",
    "dim": "latents, D",
    "batch_size": "batch size, B",
    "dataset_size": "data set size, N",
    "sigma": "noise, sigma",
    "tc_sample_true": "true TC(z) [nats]",
    "target": "latents shut",
}
# x axis, whether logarithmic, what distinguishes columns and rows of panels.
_LAYOUTS = {
    "figure2": ("det", False, "dim", "structure"),
    "dimension": ("dim", False, "target", "structure"),
    "batch": ("batch_size", True, "dim", "target"),
    "sigma": ("sigma", True, "dim", "target"),
    "shutdown": ("target", False, "sigma", "dim"),
    "dataset_size": ("dataset_size", True, "dim", "target"),
}
_CAPTIONS = {
    "figure2": "Total correlation of sampled codes against the means' determinant",
    "dimension": "Total correlation against the number of latents",
    "batch": "Total correlation against the batch size",
    "sigma": "Independent latents, noise to 0: dotted, the limits of eqs. 11 and 12",
    "shutdown": "Independent latents, some collapsed: the truth is 0 throughout",
    "dataset_size": "One data set of N encodings: exact (mixture), and N = inf",
    "gradient": "What the estimators' gradients see",
    "on_model": "The estimators on a trained model's encodings",
    "theorem1": "Theorem 1: TC(mu) grows without bound, TC(z) does not",
}


def draw(study, results):
    """Returns the figure of a study.

    Args:
        study: Name of the study.
        results: Its rows, a DataFrame.
    """
    if study == "theorem1":
        return _theorem1(results)
    if study == "gradient":
        return _gradient(results)
    x, logarithmic, column, row = _LAYOUTS[study]
    fig, panels = _panels(results, column, row)
    for axes, rows in panels:
        truth = rows.groupby(x)["tc_sample_true"].mean()
        axes.plot(truth.index, truth, color="black", lw=2.5, label="truth (N = inf)")
        for estimator, line in rows.groupby("estimator", sort=False):
            _line(axes, line, x, estimator)
        if study in ("sigma", "shutdown"):
            _limits(axes, rows, x)
        axes.set_yscale("symlog", linthresh=1.0)
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xlabel(_LABELS[x])
    _finish(fig, study, "TC [nats]")
    return fig


def save(fig, stem):
    """Writes a figure as `stem`.png and `stem`.svg, each whole or not at all."""
    for kind in ("png", "svg"):
        # The date would make two equal figures differ.
        metadata = {"Date": None} if kind == "svg" else {}
        with whole_file(f"{stem}.{kind}") as partial:
            fig.savefig(partial, dpi=150, metadata=metadata)


def _panels(results, column, row):
    """Returns a figure and pairs of axes and rows, one per value of column and row."""
    columns, rows = sorted(results[column].unique()), sorted(results[row].unique())
    fig = figure.Figure(
        figsize=(3.2 * len(columns) + 2.2, 3.2 * len(rows) + 0.6), layout="constrained"
    )
    grid = fig.subplots(len(rows), len(columns), squeeze=False, sharey="row")
    panels = []
    for i, row_value in enumerate(rows):
        for j, column_value in enumerate(columns):
            chosen = results[
                (results[column] == column_value) & (results[row] == row_value)
            ]
            title = f"{_name(column, column_value, results)}"
            if len(rows) > 1:
                title += f", {_name(row, row_value, results)}"
            grid[i, j].set_title(title, fontsize=10)
            panels.append((grid[i, j], chosen))
    return fig, panels


def _name(column, value, results):
    if column == "target":
        on_shut = results["study"].iloc[0] in ("sigma", "shutdown")
        return f"{value:g} shut" if on_shut else f"target {value:g}"
    if column == "dim":
        return f"D = {value}"
    return f"{column} {value:g}" if isinstance(value, float) else str(value)


def _line(axes, line, x, label):
    line = line.sort_values(x)
    colour = _COLOURS.get(label)
    # mss0 and naive, mss1 and mss_sym lie on one another: dash the one on top.
    style = "--" if label in ("mixture", "naive", "mss_sym") else "-"
    above = 3 if style == "--" else 2
    axes.plot(
        line[x],
        line["mean"],
        style,
        marker=".",
        color=colour,
        label=label,
        zorder=above,
    )
    band = 2.0 * line["stderr"].fillna(0.0)
    axes.fill_between(
        line[x],
        line["mean"] - band,
        line["mean"] + band,
        color=colour,
        alpha=0.25,
        lw=0,
    )


def _limits(axes, rows, x):
    """Draws (D-S-1) log B, eqs. 11 and 12, and the value at which naive saturates."""
    rows = rows.drop_duplicates(x).sort_values(x)
    live = rows["dim"] - rows["target"]
    log_batch = np.log(rows["batch_size"])
    axes.plot(
        rows[x],
        np.maximum(live - 1, 0) * log_batch,
        ":",
        color="black",
        label="eqs. 11-12: (D-S-1) log B",
    )
    information = 0.5 * np.log1p(rows["sigma"] ** -2.0)
    axes.plot(
        rows[x],
        np.maximum(live * information - log_batch, 0.0).clip(
            upper=np.maximum(live - 1, 0) * log_batch
        ),
        "-.",
        color="black",
        lw=1,
        label="saturation: sum I_k - log B",
    )


def _finish(fig, study, label):
    for axes in fig.axes:
        axes.grid(alpha=0.3)
    first = fig.axes[0].get_subplotspec().get_gridspec()
    for index in range(0, len(fig.axes), first.ncols):
        fig.axes[index].set_ylabel(label)
    handles = {}
    for axes in fig.axes:
        for handle, name in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(name, handle)
    fig.legend(handles.values(), handles.keys(), loc="outside right center", fontsize=8)
    fig.suptitle(_CAPTIONS[study], fontsize=11)


def _gradient(results):
    """Rows: what is moved; columns: D; one line per estimator, over the true TC."""
    names = results["estimator"].str.split("/", expand=True)
    results = results.assign(estimator=names[0], moved=names[1])
    titles = {
        "d_log_sigma": "d TC / d log sigma of one latent",
        "d_tc": "d TC / d true TC (1 is right, 0 is blind)",
    }
    dims = sorted(results["dim"].unique())
    fig = figure.Figure(figsize=(3.2 * len(dims) + 2.2, 7.0), layout="constrained")
    grid = fig.subplots(2, len(dims), squeeze=False, sharey="row")
    for i, (moved, title) in enumerate(titles.items()):
        for j, dim in enumerate(dims):
            axes = grid[i, j]
            chosen = results[(results["dim"] == dim) & (results["moved"] == moved)]
            for estimator, line in chosen.groupby("estimator", sort=False):
                if estimator == "exact":
                    line = line.sort_values("tc_sample_true")
                    axes.plot(
                        line["tc_sample_true"],
                        line["mean"],
                        color="black",
                        lw=2.5,
                        label="exact",
                    )
                else:
                    _line(axes, line, "tc_sample_true", estimator)
            axes.set_yscale("symlog", linthresh=1.0)
            axes.set_title(f"D = {dim}\n{title}", fontsize=9)
            axes.set_xlabel(_LABELS["tc_sample_true"])
    _finish(fig, "gradient", "slope")
    return fig


def _theorem1(results):
    """Figure 1's codes, the two families and the heteroscedastic cases."""
    fig = figure.Figure(figsize=(16.0, 3.8), layout="constrained")
    scatter, family, rank_one, hetero = fig.subplots(1, 4)

    random = np.random.default_rng(0)
    t, noise = random.standard_normal(1000), random.standard_normal((2, 1000))
    case = results[results["structure"] == "figure1"].iloc[0]
    scatter.plot(
        t + 0.1 * noise[0], 0.1 * t + noise[1], ".", ms=3, alpha=0.5, label="z"
    )
    scatter.plot(t, 0.1 * t, ".", ms=3, label="mu")
    scatter.set_title(
        f"Figure 1: TC(mu) = inf, TC(z) = {case['tc_sample_true']:.5f}", fontsize=9
    )
    scatter.set_xlabel("latent 1")
    scatter.set_ylabel("latent 2")
    scatter.legend(fontsize=8)

    rows = results[results["structure"] == "family"]
    for sigma, law in rows.groupby("sigma"):
        exact = law.drop_duplicates("target").sort_values("target")
        finite = exact[np.isfinite(exact["tc_mean_true"])]
        label = f"variance {sigma**2:.2g}"
        (line,) = family.plot(
            finite["tc_mean_true"], finite["tc_sample_true"], label=label
        )
        supremum = exact["tc_sample_true"].max()
        family.axhline(supremum, color=line.get_color(), ls=":", lw=1)
        for estimator, marker in (("gaussian", "o"), ("knn", "x")):
            estimates = law[law["estimator"] == estimator].sort_values("target")
            estimates = estimates[np.isfinite(estimates["tc_mean_true"])]
            family.errorbar(
                estimates["tc_mean_true"],
                estimates["mean"],
                2.0 * estimates["stderr"],
                fmt=marker,
                ms=4,
                color=line.get_color(),
                mfc="none",
            )
    family.set_title("family, D = 2 (o gaussian, x knn, dotted limit)", fontsize=9)
    family.set_xlabel("TC(mu) [nats]")
    family.set_ylabel("TC(z) [nats]")
    family.legend(fontsize=8)

    rows = results[results["structure"] == "rank_one"]
    for sigma, law in rows.groupby("sigma"):
        exact = law.drop_duplicates("dim").sort_values("dim")
        rank_one.plot(
            exact["dim"], exact["tc_sample_true"], label=f"variance {sigma**2:.2g}"
        )
        estimates = law[law["estimator"] == "gaussian"]
        rank_one.plot(
            estimates["dim"], estimates["mean"], "o", color="gray", mfc="none"
        )
    rank_one.set_title("equal means, TC(mu) = inf (o gaussian)", fontsize=9)
    rank_one.set_xlabel(_LABELS["dim"])
    rank_one.set_ylabel("TC(z) [nats]")
    rank_one.legend(fontsize=8)

    rows = results[results["structure"] == "heteroscedastic"]
    cases = rows.drop_duplicates(["sigma", "target"])
    places = {(case.sigma, case.target): i for i, case in enumerate(cases.itertuples())}
    hetero.plot(
        cases["tc_sample_true"].to_numpy(), "_", ms=22, color="black", label="exact"
    )
    for estimator in ("exact_gaussian", "gaussian", "copula", "knn"):
        estimates = rows[rows["estimator"] == estimator]
        hetero.plot(
            [places[c.sigma, c.target] for c in estimates.itertuples()],
            estimates["mean"],
            "^" if estimator == "exact_gaussian" else "o",
            ms=5,
            mfc="none",
            label="Prop. 1" if estimator == "exact_gaussian" else estimator,
            color=_COLOURS.get(estimator, "black"),
        )
    hetero.set_xticks(
        range(len(cases)),
        [f"{c.sigma:g}\n{c.target:g}" for c in cases.itertuples()],
        fontsize=8,
    )
    hetero.set_xlabel("sigma, l")
    hetero.set_yscale("log")
    hetero.set_title("singular means, noise ~ |mu|^-l: TC(z)", fontsize=9)
    hetero.legend(fontsize=8)
    for axes in fig.axes:
        axes.grid(alpha=0.3)
    fig.suptitle(_CAPTIONS["theorem1"], fontsize=11)
    return fig


def on_model(results):
    """Returns the figure of the estimators on a trained model.

    Args:
        results: DataFrame with `dataset_size`, `batch_size`, `estimator`, `mean`,
            `stderr`, and the rows of estimator `mixture`, the exact values.
    """
    sizes = sorted(results["dataset_size"].unique())
    fig = figure.Figure(figsize=(3.6 * len(sizes) + 2.4, 4.0), layout="constrained")
    grid = fig.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
    for axes, size in zip(grid, sizes):
        rows = results[results["dataset_size"] == size]
        exact = rows[rows["estimator"] == "mixture"].iloc[0]
        axes.axhline(exact["mean"], color="black", lw=2.5, label="exact mixture")
        reach = 2.0 * exact["stderr"]
        axes.axhspan(
            exact["mean"] - reach, exact["mean"] + reach, color="black", alpha=0.15
        )
        for estimator, line in rows.groupby("estimator", sort=False):
            if estimator == "mixture":
                continue
            _line(axes, line, "batch_size", estimator)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=1.0)
        axes.set_title(f"N = {size}", fontsize=10)
        axes.set_xlabel(_LABELS["batch_size"])
    _finish(fig, "on_model", "TC [nats]")
    return fig
