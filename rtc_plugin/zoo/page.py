# SPDX-License-Identifier: Apache-2.0
"""The page of a comparison: one file that holds everything it shows."""

import datetime

import jinja2
import numpy as np

import rtc_plugin
from rtc_plugin.report import rendering
from rtc_plugin.studies import quantities as labels
from rtc_plugin.zoo import compare, pitfalls, published


def render(comparison, figures):
    """Returns the page as HTML.

    Args:
        comparison: `compare.Comparison`.
        figures: Dictionary from data sets to matplotlib figures.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("rtc_plugin.zoo"),
                jinja2.PackageLoader("rtc_plugin.report"),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, span=_span, label=labels.label)
    found = pitfalls.find(comparison.runs)
    known = published.read()
    return environment.get_template("compare.html").render(
        notice=comparison.notice,
        counts=_counts(comparison.runs),
        sections=[
            _section(comparison, found, dataset, fig)
            for dataset, fig in figures.items()
        ],
        left_out=sorted(set(comparison.runs["dataset"]) - set(figures)),
        pitfalls=found,
        published=known.to_dict("records"),
        published_note=published.NOTE,
        num_resamples=compare.statistics.NUM_RESAMPLES,
        version=rtc_plugin.__version__,
        date=datetime.date.today().isoformat(),
    )


def _counts(runs):
    identity = ["role", "origin", "folder", "model_num", "dataset", "model"]
    identity += ["strength", "seed"]
    models = runs.drop_duplicates(identity)
    return {role: int((models["role"] == role).sum()) for role in ("own", "zoo")}


def _section(comparison, found, dataset, fig):
    runs = comparison.runs

    def of(table):
        return table[table["dataset"] == dataset].to_dict("records")

    groups = of(comparison.groups)
    for row in groups:
        mask = _mask(runs, row, ("role", "model", "strength"))
        row["marks"] = pitfalls.marks(found, mask)
    methods = of(comparison.methods)
    for row in methods:
        panel = _mask(runs, row, ())
        pair = ((runs["role"] == "own") & (runs["model"] == row["own_model"])) | (
            (runs["role"] == "zoo") & (runs["model"] == row["zoo_model"])
        )
        row["marks"] = pitfalls.marks(found, panel & pair)
    own = of(comparison.own_runs)
    for row in own:
        mask = _mask(runs, row, ("model", "strength", "seed"))
        row["marks"] = pitfalls.marks(found, mask & (runs["role"] == "own"))
    names = sorted({(row["quantity"], row["representation"]) for row in methods})
    return {
        "dataset": dataset,
        "id": "data-" + dataset.replace("_", "-"),
        "svg": rendering.figure_svg(
            fig,
            f"{dataset}: distribution of {len(names)} scores per method, own runs "
            "marked; the numbers are in the tables below.",
        ),
        "groups": groups,
        "methods": methods,
        "own_runs": own,
        "quantities": list(dict.fromkeys(row["quantity"] for row in methods)),
        "representations": sorted({row["representation"] for row in methods}),
    }


def _mask(runs, row, columns):
    mask = np.ones(len(runs), bool)
    for column in (*compare.PANEL, *columns):
        mask &= (runs[column] == row[column]).fillna(False).to_numpy(bool)
    return mask


def _number(value, digits=3):
    """Formats a number; nothing where there is none."""
    missing = value is None or value != value  # noqa: PLR0124, NaN
    return "" if missing else f"{value:.{digits}f}"


def _span(row, name, digits=3):
    """Formats an interval; nothing where there is none."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if np.isnan(low):
        return ""
    return f"{low:.{digits}f} to {high:.{digits}f}"
