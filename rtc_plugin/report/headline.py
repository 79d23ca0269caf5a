# SPDX-License-Identifier: Apache-2.0
"""The comparison that the paper is about, as one table, with its claims checked.

FactorVAE, DIP-VAE-I, DIP-VAE-II and RTC-VAE side by side: total correlation of means
and of samples, over all latents and over the active ones alone; how many those are; how
much of a latent is signal; what a Gaussian does not see of the dependence; and the
reconstruction error.

The claims are judged by `rtc_plugin.results.claims`, once on all latents and once with
the total correlations of the active latents in their place: what remains of a claim
there is not about passive latents. A model that has not learnt is shown apart from the
others, and judged nowhere.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (figures 3, 4 and 10)
"""

import os

import numpy as np
import pandas as pd

from rtc_plugin import runs
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.methods import tc_monitor
from rtc_plugin.report import rendering
from rtc_plugin.results import claims, records
from rtc_plugin.results import models as models_lib
from rtc_plugin.results import quantities as q
from rtc_plugin.results import table as results_table

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
    "non-Gaussian excess": ("excess_sample", 2),
    "reconstruction": ("reconstruction", 1),
}
# In place of a number, and why.
DASH = "\u2013"
NO_NUMBER = (
    f"{DASH}: there is no such number. Of fewer than two active latents there is no "
    "total correlation.\n"
)
CLAIMS = ("C1", "C2", "C3", "C6")


def cells(models):
    """Averages the models of the paper over seeds.

    Args:
        models: DataFrame as `quantities.quantities` gives it.

    Returns:
        DataFrame with a row per data set, model, strength and `learnt` (whether they
        have), in the paper's order: these, `num_seeds`, and for each quantity its mean
        over the seeds that have it under its own name, `<quantity>_count`, how many
        these are, and `<quantity>_spread`, largest minus smallest (NaN for one seed).

    Raises:
        UserError: If there is no model of the paper.
    """
    models = models[models["model"].isin(q.PAPER_MODELS)]
    if models.empty:
        raise UserError(
            f"the table has none of the models {', '.join(q.PAPER_MODELS)}; give a "
            "study that has them."
        )
    models = models.assign(learnt=models["not_learnt"] == "")
    groups = models.groupby([*CELL, "learnt"], sort=False)
    values = groups[[quantity for quantity, _ in COLUMNS.values()]]
    counts = values.count()
    spread = (values.max() - values.min()).where(counts > 1)
    joined = pd.concat(
        [
            groups.size().rename("num_seeds"),
            values.mean(),
            counts.add_suffix("_count"),
            spread.add_suffix("_spread"),
        ],
        axis=1,
    ).reset_index()
    order = joined["model"].map(list(q.PAPER_MODELS).index)
    return (
        joined.assign(order=order)
        .sort_values(["dataset", "order", "strength"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def verdicts(models):
    """Judges C1, C2, C3 and C6, and the first three on active latents alone.

    Args:
        models: DataFrame as `quantities.quantities` gives it.

    Returns:
        Dictionary of `claims.Judgement`, by 'C1', ... and 'C1, active latents', ...
    """
    found = {j.name: j for j in claims.judge_models(models)}
    active = claims.judge_active(models)
    return {
        **{name: found[name] for name in CLAIMS},
        **{f"{j.name}, active latents": j for j in active},
    }


def table_markdown(cells):
    """Returns the headline table of one data set or several, as Markdown.

    Args:
        cells: DataFrame as the function `cells` gives it.

    Returns:
        String; in brackets the spread over seeds, or how many of them have a value; a
        dash where none has.
    """
    header = ["data set", "model", "strength", "seeds", *COLUMNS]
    lines = ["| " + " | ".join(header) + " |", "|---|---|" + "--:|" * (len(header) - 2)]
    for cell in cells.to_dict("records"):
        values = [
            cell["dataset"],
            q.label(cell["model"]) + ("" if cell["learnt"] else ", not learnt"),
            f"{cell['strength']:g}",
            str(cell["num_seeds"]),
            *(_number(cell, *column) for column in COLUMNS.values()),
        ]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def _number(cell, quantity, digits):
    value, spread = cell[quantity], cell[f"{quantity}_spread"]
    text, count = _text(value, digits), cell[f"{quantity}_count"]
    if 0 < count < cell["num_seeds"]:
        return f"{text} (of {count})"
    return text if not np.isfinite(spread) else f"{text} ({spread:.{digits}f})"


def _text(value, digits):
    return f"{value:.{digits}f}" if np.isfinite(value) else DASH


def verdicts_markdown(judgements):
    """Returns a row per claim, how many models and cells meet it, and the numbers.

    Args:
        judgements: Dictionary as `verdicts` gives it.
    """
    lines = [
        "| claim | mark | verdict | models that meet it | cells so far where all do |",
        "|---|---|---|---|--:|",
    ]
    for name, judgement in judgements.items():
        cells = judgement.cells
        judged = cells[cells["models"] > 0] if len(cells) else cells
        met = int((judged["meet"] == judged["models"]).sum()) if len(judged) else 0
        out = len(cells) - len(judged)
        lines.append(
            f"| {name} | {judgement.mark} | {judgement.verdict} | {judgement.tally} | "
            f"{met} of {len(judged)}{f', {out} not judged' if out else ''} |"
        )
    # These tell of the active latents, too.
    numbers = [f"- {name}: {judgements[name].numbers}" for name in CLAIMS]
    lines += ["", *numbers]
    return "\n".join(lines) + "\n"


def not_learnt_markdown(models):
    """Names the models that have not learnt, '' if there are none.

    Args:
        models: DataFrame as `quantities.quantities` gives it.
    """
    rows = models[models["not_learnt"] != ""].to_dict("records")
    if not rows:
        return ""
    lines = [f"- {r['dataset']}, {q.describe(r)}: {r['not_learnt']}" for r in rows]
    return "\n".join(["Not learnt, and judged nowhere:", "", *lines]) + "\n"


def read_curve(model_dir):
    """Reads the learning curve of a model that `tc_monitor` has watched.

    Args:
        model_dir: Folder that `dlib_train` has made.

    Returns:
        Pair of the model's name, strength and seed, such as 'FactorVAE 10, seed 0', and
        a DataFrame with the columns of `tc_monitor` and `update`: updates of the model,
        see `models.Scale`.

    Raises:
        UserError: If the folder holds no curve.
    """
    path = os.path.join(model_dir, "tf_checkpoint", tc_monitor.FILE)
    record_path = os.path.join(model_dir, runs.TRAIN_FILE)
    for needed in (path, record_path):
        if not os.path.exists(needed):
            raise UserError(
                f"{needed} is not there; give a folder that dlib_train has finished "
                "with model.model = @tc_monitor()."
            )
    curve = pd.read_csv(path)
    model = results_table.training_rows(records.load_file(record_path))[0]
    curve["update"] = curve["step"] / models_lib.scale(model).steps_per_update
    return q.describe(model), curve


def curves_markdown(curves):
    """Returns the last row of each learning curve, as Markdown; a dash for NaN.

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
        values = [_text(last[key], digits) for key, digits in columns.values()]
        lines.append("| " + " | ".join([name, f"{last['update']:.0f}", *values]) + " |")
    return "\n".join(lines) + "\n"


@rendering.in_default_style()
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

    models = q.quantities(table)
    found = cells(models)
    curves = dict(map(read_curve, curve_dirs))
    parts = [
        table_markdown(found),
        not_learnt_markdown(models),
        verdicts_markdown(verdicts(models)),
    ]
    drawn = {"headline_disparity.png": figures.disparity(found)}
    if curves:
        parts.append(curves_markdown(curves))
        drawn["headline_curves.png"] = figures.curves(curves)
    if any(f" {DASH} |" in part for part in parts):
        parts.append(NO_NUMBER)
    os.makedirs(output_dir, exist_ok=True)
    written = []
    for name, fig in drawn.items():
        written.append(os.path.join(output_dir, name))
        with whole_file(written[-1]) as partial:
            fig.savefig(partial, format="png", dpi=110)
    written.append(os.path.join(output_dir, "headline.md"))
    with whole_file(written[-1]) as partial, open(partial, "w") as file:
        file.write("\n".join(filter(None, parts)))
    return written
