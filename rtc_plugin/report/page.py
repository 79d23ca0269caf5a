# SPDX-License-Identifier: Apache-2.0
"""One HTML page about a study: claims, figures, results and a look into each model."""

import base64
import json
import math
import os

import numpy as np
import pandas as pd

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.report import rendering
from rtc_plugin.results import claims as claims_lib
from rtc_plugin.results import quantities as q
from rtc_plugin.results import records as records_lib
from rtc_plugin.results import table as results_table
from rtc_plugin.visualize import explorer
from rtc_plugin.visualize import study as study_figures

MAX_BYTES = 20_000_000
# Headings of the results table, and digits after the point.
COLUMNS = {
    "tc_mean": ("TC mean", 3),
    "tc_sample": ("TC sample", 3),
    "tc_mean_active": ("TC mean, active", 3),
    "tc_sample_active": ("TC sample, active", 3),
    "num_active": ("active latents", 0),
    "signal_share_mean": ("mean r", 2),
    "knn_sample": ("TC sample, neighbours", 3),
    "tree_sample": ("TC sample, tree", 3),
    "sap": ("SAP", 3),
    "mig": ("MIG", 3),
    "disintegration": ("disinte\u00adgration", 3),
    "reconstruction": ("recon\u00adstruction", 1),
}
PAPER = (
    "Revisiting Factorizing Aggregated Posterior in Learning Disentangled "
    "Representations",
    "https://arxiv.org/abs/2009.05739",
)
# Images that a model of the library's study sees; the paper does not say.
FULL_TRAINING = 300_000 * 64
# Name, heading, what to look for, claims.
FIGURES = (
    (
        "disparity",
        "Total correlation of means and of samples",
        "Figure 3 of the paper, for all four models. Solid: all latents; dotted: the "
        "active ones alone. Below, the signal share r of each latent: noise in latents "
        "of low r hides the dependence of their means, and TC of means counts them "
        "like any other. 0.9 and more is active, 0.1 and less passive.",
        ("C1", "C2"),
    ),
    (
        "tc_comparison",
        "Total correlation of means across models",
        "Figures 4, 10d and 11a of the paper, and the same on active latents alone.",
        ("C3",),
    ),
    (
        "scores",
        "Scores, strength and reconstruction",
        "Figures 10 and 11 of the paper. SAP is of the means, in the plugin's "
        "own studies in its R\u00b2 form.",
        ("C4", "C5"),
    ),
    (
        "non_gaussian",
        "Beyond the Gaussian",
        "TC of samples, by nearest neighbours, by the tree and as if the codes were "
        "Gaussian. What they find beyond it is dependence without correlation. Among "
        "many latents neighbours see dependence that all share (5 to 12 % low for ten "
        "equally correlated ones) and miss sparse one: of one pair with 3 nats among "
        "ten latents, 0.8. The tree, the most informative pairs without a circle, sees "
        "that; the larger of the two is a lower bound, but for errors of estimation.",
        ("C6",),
    ),
    (
        "heat_maps",
        "Latents against factors",
        "Figures 8 and 9 of the paper: the two largest scores of each factor are "
        "written. Two large ones in a column are a factor that sits in two latents.",
        ("C7", "C8"),
    ),
    (
        "disintegration",
        "Disintegration against strength",
        "The chance that two pieces of information about a factor sit in different, "
        "independent latents: 0 for one latent, 1/2 for two.",
        ("C7", "C8"),
    ),
    (
        "active_latents",
        "Active latents and the variance penalty",
        "FactorVAE is RTC-VAE at \u03b7 = 0; a line joins models of one strength "
        "\u03b2, the fuller the larger. In the paper's grid \u03b7 = max(10, \u03b2), "
        "so that from 10 on the two move together.",
        ("C2", "C7"),
    ),
    (
        "learning_curves",
        "Total correlation while models train",
        "The fuller a line, the stronger the regularisation. Updates are those of the "
        "encoder: the library's FactorVAE counts two training steps for each.",
        ("C1", "C2"),
    ),
)


@rendering.in_default_style()
def write_page(table, root, output_path, title="", max_bytes=MAX_BYTES, note=""):
    """Writes the page of a study.

    Args:
        table: DataFrame as `results_table.to_table` gives it.
        root: Folder that the column `folder` of the table is relative to, where the
            models' `explorer` folders are; None if there is none.
        output_path: HTML file to write. It needs no other file and no network.
        title: Heading of the page; from the column `study` if empty.
        max_bytes: Explorers are left out, and the page says so, where the file would
            become larger. One model of each kind goes before the next.
        note: What else a reader must know, shown above the claims: its first line, the
            rest on demand.

    Raises:
        UserError: If the table is empty.
    """
    results_table.check_not_empty(table, output_path)
    models = _in_order(q.quantities(table))
    models["key"] = [f"model-{number}" for number in models["number"]]
    models["name"] = [q.describe(row) for row in models.to_dict("records")]
    records = [_read_explorer(root, folder) for folder in models["folder"]]
    judged = claims_lib.judge_models(models)
    columns = {k: v for k, v in COLUMNS.items() if models[k].notna().any()}
    not_learnt = models[models["not_learnt"] != ""]
    unknown = models.loc[models["constant_image"].isna(), "dataset"]
    values = {
        "title": title or _title(models),
        "paper": PAPER,
        "worth": worth(models),
        "version": _version(root),
        "note": note,
        "judged": judged,
        "active": {j.name: j for j in claims_lib.judge_active(models)},
        "not_learnt": not_learnt[["dataset", "name", "not_learnt"]].to_numpy(),
        "unknown_constants": sorted(unknown.unique()),
        "verdicts": {judgement.name: judgement for judgement in judged},
        "figures": _figures(models, records),
        "columns": columns,
        "summary": _summary(models, columns),
        "rows": models.assign(label=models["model"].map(q.label)).to_dict("records"),
        "datasets": sorted(models["dataset"].unique()),
        "names": [q.label(name) for name in q.in_order(models["model"])],
        "format": format_number,
        "left_out": 0,
        "explorers": [],
    }
    if any(records):
        # As large as a page is that has an explorer of nothing.
        empty = {"key": "", "dataset": "", "name": "", "json": ""}
        bare = rendering.render("page.html", **{**values, "explorers": [empty]})
        room = max_bytes - len(bare.encode())
        values["explorers"], values["left_out"] = _explorers(
            models, records, root, room
        )
    with whole_file(output_path) as path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(rendering.render("page.html", **values))


def format_number(value, digits=None):
    """Returns a number as a table shows it, '' for NaN.

    Args:
        value: Number, or text, which stays as it is.
        digits: Digits after the point; as many as make four in all if None.
    """
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    if value is None or value is pd.NA or math.isnan(value):
        return ""
    if digits is not None:
        return f"{value:.{digits}f}"
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _in_order(models):
    """Sorts models as the paper's legends do."""
    order = q.in_order(models["model"])
    places = models.assign(place=models["model"].map(order.index))
    places = places.sort_values(["dataset", "place", "strength", "seed"], kind="stable")
    return places.drop(columns="place").reset_index(drop=True)


def _title(models):
    studies = sorted({name for name in models["study"] if name})
    return f"Study {', '.join(studies)}" if studies else "Study"


def worth(models):
    """Says what a study is worth: its seeds, its updates and its data.

    Args:
        models: DataFrame as `quantities` gives it.

    Returns:
        List of (word, sentence).
    """
    cells = models.groupby(["dataset", "model", "weight"], dropna=False).size()
    enough = int((cells >= claims_lib.MIN_SEEDS).sum())
    images = models["updates"] * models["batch_size"].astype(float)
    trained = "How long they were trained is not recorded."
    if images.notna().any():
        share = "" if images.nunique() == 1 else "at least "
        trained = (
            f"{_range(models['updates'])}, of {_range(models['batch_size'])} images "
            f"each: {share}{100 * images.min() / FULL_TRAINING:.2g} % of the images "
            "that the library's study trains with (300,000 batches of 64)."
        )
    datasets = sorted(models["dataset"].unique())
    twins = [name for name in datasets if name.endswith("_rendered")]
    data = f"{', '.join(datasets)}."
    if twins:
        data += " Twins called _rendered are drawn anew; the paper has other images."
    return [
        (
            "Seeds",
            f"{_range(cells)} per data set, model and strength, {len(models)} models "
            f"in all. A verdict takes {claims_lib.MIN_SEEDS}, which {enough} of "
            f"{len(cells)} have.",
        ),
        ("Updates", trained),
        ("Data", data),
    ]


def _range(values):
    """Returns '2' or '1 to 2'."""
    values = values.dropna()
    return " to ".join(f"{n:,.0f}" for n in sorted({values.min(), values.max()}))


def _version(root):
    """Returns the version of the plugin that made a study, '' if that is not known."""
    if not root:
        return ""
    try:
        found = records_lib.load_file(os.path.join(root, "study.json"))
    except (OSError, UserError):
        return ""
    version = found.get("plugin_version")
    return version if isinstance(version, str) else ""


def _summary(models, columns):
    """Means over seeds, and their range.

    Returns:
        Dictionary of data sets and lists of rows, one per model and strength; models
        that have not learnt have rows of their own, at the end.
    """
    rows = {}
    keys = [models["not_learnt"] != "", "dataset", "model", "weight"]
    for (apart, dataset, *_), group in models.groupby(keys, dropna=False, sort=False):
        cells = {}
        for name in columns:
            seen = group[name].dropna()
            cells[name] = {
                "mean": seen.mean() if len(seen) else math.nan,
                "low": seen.min() if len(seen) > 1 else math.nan,
                "high": seen.max() if len(seen) > 1 else math.nan,
            }
        rows.setdefault(dataset, []).append(
            {
                "name": q.describe(dict(group.iloc[0], seed=None, number=None)),
                "apart": apart,
                "seeds": len(group),
                "cells": cells,
            }
        )
    return {
        dataset: sorted(r, key=lambda row: row["apart"]) for dataset, r in rows.items()
    }


def _figures(models, records):
    """Draws every figure for every data set.

    Returns:
        List of dictionaries: name, heading, caption, claims, and `drawn`: list of
        (data set, remark, SVG, width in inches).
    """
    figures = []
    for name, heading, caption, bears_on in FIGURES:
        drawn = []
        for dataset in sorted(models["dataset"].unique()):
            here = models["dataset"] == dataset
            some = [record for record, use in zip(records, here) if use]
            for remark, fig in _draw(name, models[here], some):
                what = f"{heading}, {dataset}{', ' + remark if remark else ''}"
                svg = rendering.figure_svg(fig, what)
                drawn.append((dataset, remark, svg, fig.get_figwidth()))
        if drawn:
            figures.append(
                {
                    "name": name,
                    "heading": heading,
                    "caption": caption,
                    "claims": bears_on,
                    "drawn": drawn,
                }
            )
    return figures


def _draw(name, models, records):
    """Yields (remark, figure) of one kind for one data set, where there is data."""
    if name == "heat_maps":
        names = next((r["factor_names"] for r in records if r), None)
        for model in ("rtc_vae", "dip_vae_i"):
            fig, row = study_figures.heat_maps(models, model, names)
            if fig is not None:
                yield row["name"], fig
    elif name == "learning_curves":
        curves = _curves(models, records)
        if len(curves):
            yield "", study_figures.learning_curves(curves)
    else:
        needed = {
            "disparity": ("tc_mean", "tc_sample"),
            "tc_comparison": ("tc_mean",),
            "scores": ("sap", "reconstruction", "tc_mean"),
            "non_gaussian": ("knn_sample", "tree_sample"),
            "disintegration": ("disintegration",),
            "active_latents": ("num_active",),
        }[name]
        rows = models
        if name in ("disparity", "non_gaussian"):
            rows = models[models["model"].isin(q.PAPER_MODELS)]
        if name == "active_latents":
            rows = models[models["model"].isin(["factor_vae", "rtc_vae"])]
        if rows["strength"].notna().any() and rows[list(needed)].notna().any().any():
            yield "", getattr(study_figures, name)(rows)


def _curves(models, records):
    pieces = [
        pd.DataFrame(record["curves"]).assign(
            model=row["model"],
            weight=row["weight"],
            seed=row["seed"],
            update=np.array(record["curves"]["step"]) / row["steps_per_update"],
        )
        for row, record in zip(models.to_dict("records"), records)
        if record and record["curves"] and not math.isnan(row["weight"])
    ]
    return pd.concat(pieces) if pieces else pd.DataFrame()


def _read_explorer(root, folder):
    """Returns the record of a model's explorer, None where there is none."""
    if root is None or not folder:
        return None
    path = os.path.join(root, folder, "explorer", explorer.FILE)
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}); delete that folder and run the model again, "
            "which makes it anew."
        ) from error


def _explorers(models, records, root, room):
    """Returns the explorers that there is room for, and how many are left out."""
    rows = models.to_dict("records")
    seen, order = {}, []
    for i, row in enumerate(rows):
        if records[i] is not None:
            kind = (row["dataset"], row["model"], row["weight"])
            seen[kind] = seen.get(kind, 0) + 1
            order.append((seen[kind], i))
    chosen, used = {}, 0
    for _, i in sorted(order):
        text = _explorer_json(rows[i], records[i], root)
        used += len(text) + 500  # Its entry in the list.
        if used > room:
            break
        chosen[i] = {
            "key": rows[i]["key"],
            "dataset": rows[i]["dataset"],
            "name": rows[i]["name"],
            "json": text,
        }
    return [chosen[i] for i in sorted(chosen)], len(order) - len(chosen)


def _explorer_json(row, record, root):
    folder = os.path.join(root, row["folder"], "explorer")
    curves = record["curves"]
    drawn = ""
    if curves:
        updates = np.array(curves["step"]) / row["steps_per_update"]
        fig = study_figures.learning_curve(
            updates, curves["tc_mean"], curves["tc_sample"]
        )
        drawn = rendering.figure_svg(fig, f"Learning curves, {row['name']}")
    shown = {
        **record,  # All of it, so that a page can be made anew from itself.
        "curve": drawn,
        "name": row["name"],
        "scores": [
            [heading, format_number(row[name], digits)]
            for name, (heading, digits) in COLUMNS.items()
            if not math.isnan(row[name])
        ],
        "pictures": {
            name: _data_uri(os.path.join(folder, f"{name}.jpg"))
            for name in ("walks", "reconstructions")
        },
    }
    text = json.dumps(shown, separators=(",", ":"))
    # As in any script element, the end tag must not occur.
    return text.replace("<", "\\u003c")


def _data_uri(path):
    with open(path, "rb") as file:
        return "data:image/jpeg;base64," + base64.b64encode(file.read()).decode("ascii")
