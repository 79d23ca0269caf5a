# SPDX-License-Identifier: Apache-2.0
"""The comparison that the paper is about, as one table, with its claims checked.

FactorVAE, DIP-VAE-I, DIP-VAE-II and RTC-VAE side by side: total correlation of means
and of samples, over all latents and over the active ones alone; how many those are; how
much of a latent is signal; what a Gaussian does not see of the dependence; and the
reconstruction error.

The claims are judged by `rtc_plugin.report.claims`, once on all latents and once with
the total correlations of the active latents in their place: what remains of a claim
there is not about passive latents.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (figures 3, 4 and 10)
"""

import os

import numpy as np
import pandas as pd

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.methods import tc_monitor
from rtc_plugin.report import claims
from rtc_plugin.studies import quantities as q
from rtc_plugin.studies import results_table

CELL = ["dataset", "model", "strength"]
# Column of the table: quantity and digits.
COLUMNS = {
    "TC_mean": ("tc_mean", 2),
    "TC_sample": ("tc_sample", 2),
    "active latents": ("num_active", 1),
    "mixed": ("num_mixed", 1),
    "TC_mean, active": ("tc_mean_active", 3),
    "TC_sample, active": ("tc_sample_active", 3),
    "mean signal share": ("signal_share_mean", 2),
    "non-Gaussian excess": ("knn_excess_sample", 2),
    "reconstruction": ("reconstruction", 1),
}
CLAIMS = ("C1", "C2", "C3", "C6")
# Those that are about the two total correlations.
CLAIMS_ON_ACTIVE = ("C1", "C2", "C3")


def cells(models):
    """Averages the models of the paper over seeds.

    Args:
        models: DataFrame as `quantities.quantities` gives it.

    Returns:
        DataFrame with a row per data set, model and strength, in the paper's order:
        these, `num_seeds`, and for each quantity its mean over seeds under its own name
        and `<quantity>_spread`, largest minus smallest (NaN for one seed).

    Raises:
        UserError: If there is no model of the paper.
    """
    models = models[models["model"].isin(q.PAPER_MODELS)]
    if models.empty:
        raise UserError(
            f"the table has none of the models {', '.join(q.PAPER_MODELS)}; give a "
            "study that has them."
        )
    groups = models.groupby(CELL, sort=False)
    values = groups[[quantity for quantity, _ in COLUMNS.values()]]
    spread = (values.max() - values.min()).add_suffix("_spread")
    spread[groups.size() < 2] = np.nan
    joined = pd.concat(
        [groups.size().rename("num_seeds"), values.mean(), spread], axis=1
    ).reset_index()
    order = joined["model"].map(list(q.PAPER_MODELS).index)
    return (
        joined.assign(order=order)
        .sort_values(["dataset", "order", "strength"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def verdicts(table):
    """Judges C1, C2, C3 and C6, and the first three on active latents alone.

    Args:
        table: DataFrame as `results_table.to_table` gives it.

    Returns:
        Dictionary of `claims.Judgement`, by 'C1', ... and 'C1, active latents', ...
        One seed is enough for a cell to hold or fail.
    """
    found = {j.name: j for j in claims.judge(table, min_seeds=1)}
    active = {j.name: j for j in claims.judge(active_only(table), min_seeds=1)}
    return {
        **{name: found[name] for name in CLAIMS},
        **{f"{name}, active latents": active[name] for name in CLAIMS_ON_ACTIVE},
    }


def active_only(table):
    """Puts the total correlations of the active latents in place of those of all.

    Args:
        table: DataFrame as `results_table.to_table` gives it.

    Returns:
        The table without its other values of tc_mean and tc_sample.
    """
    in_place = {f"{name}_active": name for name in ("tc_mean", "tc_sample")}
    others = [*in_place.values(), "gaussian_total_correlation"]
    table = table[~table["score"].isin(others)]
    return table.assign(score=table["score"].replace(in_place).astype("string"))


def table_markdown(cells):
    """Returns the headline table of one data set or several, as Markdown.

    Args:
        cells: DataFrame as the function `cells` gives it.
    """
    header = ["data set", "model", "strength", "seeds", *COLUMNS]
    lines = ["| " + " | ".join(header) + " |", "|---|---|" + "--:|" * (len(header) - 2)]
    for cell in cells.to_dict("records"):
        values = [
            cell["dataset"],
            q.label(cell["model"]),
            f"{cell['strength']:g}",
            str(cell["num_seeds"]),
            *(_number(cell, *column) for column in COLUMNS.values()),
        ]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def _number(cell, quantity, digits):
    value, spread = cell[quantity], cell[f"{quantity}_spread"]
    if not np.isfinite(value):
        return ""
    text = f"{value:.{digits}f}"
    return text if not np.isfinite(spread) else f"{text} ({spread:.{digits}f})"


def verdicts_markdown(judgements):
    """Returns a row per claim, how many of its cells hold, and the numbers behind it.

    Args:
        judgements: Dictionary as `verdicts` gives it.
    """
    lines = ["| claim | mark | verdict | cells that hold |", "|---|---|---|--:|"]
    for name, judgement in judgements.items():
        holding = int((judgement.cells["verdict"] == claims.HOLDS).sum())
        lines.append(
            f"| {name} | {judgement.mark} | {judgement.verdict} | {holding} of "
            f"{len(judgement.cells)} |"
        )
    # These tell of the active latents, too.
    numbers = [f"- {name}: {judgements[name].numbers}" for name in CLAIMS]
    lines += ["", *numbers]
    return "\n".join(lines) + "\n"


def read_curve(model_dir):
    """Reads the learning curve of a model that `tc_monitor` has watched.

    Args:
        model_dir: Folder that `dlib_train` has made.

    Returns:
        Pair of the model's name, strength and seed, such as 'FactorVAE 10, seed 0', and
        a DataFrame with the columns of `tc_monitor` and `update`: updates of the model,
        of which the library's FactorVAE counts each as two steps.

    Raises:
        UserError: If the folder holds no curve.
    """
    path = os.path.join(model_dir, "tf_checkpoint", tc_monitor.FILE)
    record_path = os.path.join(model_dir, "results", "aggregate", "train.json")
    for needed in (path, record_path):
        if not os.path.exists(needed):
            raise UserError(
                f"{needed} is not there; give a folder that dlib_train has finished "
                "with model.model = @tc_monitor()."
            )
    curve = pd.read_csv(path)
    model = results_table.training_rows(pd.read_json(record_path, typ="series"))[0]
    steps_per_update = 2 if model["model"] == "factor_vae" else 1
    curve["update"] = curve["step"] / steps_per_update
    name = f"{q.label(model['model'])} {model['strength']:g}, seed {model['seed']}"
    return name, curve


def curves_markdown(curves):
    """Returns the last row of each learning curve, as Markdown.

    Args:
        curves: Dictionary of names and DataFrames as `read_curve` gives them.
    """
    columns = {
        "TC_mean": ("tc_mean", 2),
        "TC_sample": ("tc_sample", 2),
        "active latents": ("num_active", 0),
        "TC_mean, active": ("tc_mean_active", 3),
        "TC_sample, active": ("tc_sample_active", 3),
        "KL": ("kl", 1),
        "MIG": ("mig", 3),
    }
    header = ["model", "updates", *columns]
    lines = ["| " + " | ".join(header) + " |", "|---|" + "--:|" * (len(header) - 1)]
    for name, curve in curves.items():
        last = curve.iloc[-1]
        values = [f"{last[key]:.{digits}f}" for key, digits in columns.values()]
        lines.append("| " + " | ".join([name, f"{last['update']:.0f}", *values]) + " |")
    return "\n".join(lines) + "\n"


def write(table, output_dir, curve_dirs=()):
    """Writes the headline: `headline.md` and its figures.

    Args:
        table: DataFrame as `results_table.to_table` gives it.
        output_dir: Folder; files of the same names are replaced.
        curve_dirs: Folders of models whose learning curves are to be shown.

    Returns:
        List of the paths that were written.

    Raises:
        UserError: See `cells` and `read_curve`.
    """
    from rtc_plugin.visualize import headline as figures

    found = cells(q.quantities(table))
    curves = dict(map(read_curve, curve_dirs))
    parts = [table_markdown(found), verdicts_markdown(verdicts(table))]
    drawn = {"headline_disparity.png": figures.disparity(found)}
    if curves:
        parts.append(curves_markdown(curves))
        drawn["headline_curves.png"] = figures.curves(curves)
    os.makedirs(output_dir, exist_ok=True)
    written = []
    for name, fig in drawn.items():
        written.append(os.path.join(output_dir, name))
        with whole_file(written[-1]) as partial:
            fig.savefig(partial, format="png", dpi=110)
    written.append(os.path.join(output_dir, "headline.md"))
    with whole_file(written[-1]) as partial, open(partial, "w") as file:
        file.write("\n".join(parts))
    return written
