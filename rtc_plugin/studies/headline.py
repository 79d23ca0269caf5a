# SPDX-License-Identifier: Apache-2.0
"""The comparison that the paper is about, as one table, with its claims checked.

FactorVAE, DIP-VAE-I, DIP-VAE-II and RTC-VAE side by side: total correlation of means
and of samples, over all latents and over the active ones alone; how many those are; how
much of a latent is signal; what a Gaussian does not see of the dependence; and the
reconstruction error.

The marks that a claim has to pass are ours, as the paper prints curves and no numbers:

    C1  FactorVAE's TC_mean is more than twice its TC_sample.
    C2  RTC-VAE's TC_mean - TC_sample is less than 0.05 TC_mean plus three standard
        deviations of a Gaussian estimate at independence.
    C3  TC_mean of RTC-VAE and of both DIP-VAEs is less than half of FactorVAE's at the
        same strength.
    C6  DIP-VAE's latents are dependent beyond correlation: nearest neighbours find
        more total correlation of the samples than a Gaussian does, by more than three
        standard errors and by more than the Gaussian value itself; and RTC-VAE's less
        of it than both.

C1 to C3 are checked on the active latents, too. By algebra, C2 holds where every latent
is nearly all signal; it says nothing about dependence.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (figures 3, 4 and 10)
"""

import os

import numpy as np
import pandas as pd

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.methods import tc_monitor
from rtc_plugin.studies import quantities as q
from rtc_plugin.studies import results_table

CELL = ["dataset", "model", "strength"]
# Column of the table: quantity and digits.
COLUMNS = {
    "TC_mean": ("tc_mean", 2),
    "TC_sample": ("tc_sample", 2),
    "active latents": ("num_active", 1),
    "TC_mean, active": ("tc_mean_active", 3),
    "TC_sample, active": ("tc_sample_active", 3),
    "mean signal share": ("signal_share_mean", 2),
    "non-Gaussian excess": ("knn_excess_sample", 2),
    "dependent pairs": ("dependent_pairs", 0),
    "reconstruction": ("reconstruction", 1),
}
_NEEDED = [quantity for quantity, _ in COLUMNS.values()]
_NEEDED += ["tc_noise", "knn_excess_sample_stderr"]
RATIO = 2.0
GAP_SHARE = 0.05
STANDARD_ERRORS = 3.0


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
    spread = (groups[_NEEDED].max() - groups[_NEEDED].min()).add_suffix("_spread")
    spread[groups.size() < 2] = np.nan
    joined = pd.concat(
        [groups.size().rename("num_seeds"), groups[_NEEDED].mean(), spread], axis=1
    ).reset_index()
    order = joined["model"].map(list(q.PAPER_MODELS).index)
    return (
        joined.assign(order=order)
        .sort_values(["dataset", "order", "strength"])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def verdicts(cells):
    """Checks C1, C2, C3 and C6.

    Args:
        cells: DataFrame as the function `cells` gives it.

    Returns:
        DataFrame with a row per check: `claim` ('C1', 'C1 active', ...), `dataset`,
        `model`, `strength`, `value` and `mark` (the claim is value > mark for C1 and
        C6, value < mark for C2, C3 and 'C6 RTC-VAE'), `holds`. A check whose numbers
        are not in the table is left out.
    """
    rows = []

    def add(claim, cell, value, mark, above):
        if np.isfinite(value) and np.isfinite(mark):
            holds = value > mark if above else value < mark
            found = dict(zip(("value", "mark", "holds"), (value, mark, bool(holds))))
            rows.append({"claim": claim, **{k: cell[k] for k in CELL}, **found})

    for cell in cells.to_dict("records"):
        factor, dips = _at_same_strength(cells, cell)
        for suffix, claim in (("", ""), ("_active", " active")):
            mean, sample = cell["tc_mean" + suffix], cell["tc_sample" + suffix]
            if cell["model"] == "factor_vae":
                add("C1" + claim, cell, mean, RATIO * sample, above=True)
                continue
            if cell["model"] == "rtc_vae":
                mark = GAP_SHARE * mean + STANDARD_ERRORS * cell["tc_noise"]
                add("C2" + claim, cell, mean - sample, mark, above=False)
            if factor is not None:
                mark = factor["tc_mean" + suffix] / RATIO
                add("C3" + claim, cell, mean, mark, above=False)
        excess = cell["knn_excess_sample"]
        if cell["model"] in _DIPS:
            noise = STANDARD_ERRORS * cell["knn_excess_sample_stderr"]
            add("C6", cell, excess, max(noise, cell["tc_sample"]), above=True)
        if cell["model"] == "rtc_vae" and dips:
            least = min(dip["knn_excess_sample"] for dip in dips)
            add("C6 RTC-VAE", cell, excess, least, above=False)
    return pd.DataFrame(rows, columns=["claim", *CELL, "value", "mark", "holds"])


_DIPS = ("dip_vae_i", "dip_vae_ii")


def _at_same_strength(cells, cell):
    """Returns FactorVAE's cell, or None, and the list of the DIP-VAEs'."""
    same = cells[
        (cells["dataset"] == cell["dataset"]) & (cells["strength"] == cell["strength"])
    ].to_dict("records")
    factor = [other for other in same if other["model"] == "factor_vae"]
    dips = [other for other in same if other["model"] in _DIPS]
    return (factor[0] if factor else None), dips


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


def verdicts_markdown(verdicts):
    """Returns how often each claim holds, per data set, as Markdown.

    Args:
        verdicts: DataFrame as the function `verdicts` gives it.
    """
    lines = ["| claim | data set | holds | fails at |", "|---|---|--:|---|"]
    for (claim, dataset), rows in verdicts.groupby(["claim", "dataset"]):
        failing = [
            f"{q.label(row['model'])} {row['strength']:g} "
            f"({row['value']:.3g} against {row['mark']:.3g})"
            for row in rows[~rows["holds"].astype(bool)].to_dict("records")
        ]
        count = f"{int(rows['holds'].sum())} of {len(rows)}"
        lines.append(f"| {claim} | {dataset} | {count} | {', '.join(failing)} |")
    return "\n".join(lines) + "\n"


def read_curve(model_dir):
    """Reads the learning curve of a model that `tc_monitor` has watched.

    Args:
        model_dir: Folder that `dlib_train` has made.

    Returns:
        Pair of the model's name and strength, such as 'FactorVAE 10', and a DataFrame
        with the columns of `tc_monitor` and `update`: updates of the model, of which
        the library's FactorVAE counts each as two steps.

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
    return f"{q.label(model['model'])} {model['strength']:g}", curve


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
    parts = [table_markdown(found), verdicts_markdown(verdicts(found))]
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
