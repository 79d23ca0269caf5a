# SPDX-License-Identifier: Apache-2.0
"""The page of a comparison: one file that holds everything it shows."""

import datetime
import os

import markupsafe
import numpy as np

import rtc_plugin
from rtc_plugin.files import whole_file
from rtc_plugin.report import rendering
from rtc_plugin.results import comparison as comparison_lib
from rtc_plugin.results import models as models_lib
from rtc_plugin.results import pitfalls, statistics
from rtc_plugin.visualize import comparison as figures_lib
from rtc_plugin.zoo import published


def render(comparison, figures):
    """Returns the page as HTML.

    Args:
        comparison: `results.comparison.Comparison`.
        figures: Dictionary from data sets to what `visualize.comparison.panels` draws.
    """
    found = pitfalls.find(comparison.runs)
    everywhere = [p for p in found if p.affected.all()]
    letters = _Letters(comparison.runs, [p for p in found if p not in everywhere])
    known = published.read()
    return rendering.render(
        "comparison.html",
        notice=comparison.notice,
        counts=_counts(comparison.runs),
        sections=[
            _section(comparison, letters, dataset, panels, i)
            for i, (dataset, panels) in enumerate(figures.items())
        ],
        left_out=sorted(set(comparison.runs["dataset"]) - set(figures)),
        pitfalls=found,
        everywhere=everywhere,
        published=known.to_dict("records"),
        published_note=published.NOTE,
        num_resamples=statistics.NUM_RESAMPLES,
        version=rtc_plugin.__version__,
        date=datetime.date.today().isoformat(),
        number=_number,
        span=_span,
        label=models_lib.label,
        strength=_strength,
        breakable=_breakable,
    )


def _counts(runs):
    identity = ["role", "origin", "folder", "model_num", "dataset", "model"]
    identity += ["strength", "seed"]
    models = runs.drop_duplicates(identity)
    return {role: int((models["role"] == role).sum()) for role in ("own", "zoo")}


_METHOD = ("role", "model")


class _Letters:
    """The letters of pitfalls by what is looked at."""

    def __init__(self, runs, found):
        self._runs, self._found = runs, found
        self._by_columns = {}

    def of(self, row, *columns):
        """Returns the letters of all runs that have a row's values there."""
        columns = (*comparison_lib.PANEL, *columns)
        if columns not in self._by_columns:
            self._by_columns[columns] = self._collect(columns)
        return self._by_columns[columns].get(_key(row, columns), "")

    def _collect(self, columns):
        keys = [
            _key(row, columns) for row in self._runs[list(columns)].to_dict("records")
        ]
        collected = {}
        for pitfall in self._found:
            for key in {keys[i] for i in np.flatnonzero(pitfall.affected)}:
                collected[key] = collected.get(key, "") + pitfall.mark
        return collected


def _key(row, columns):
    # As text, a missing value equals another.
    return tuple(str(row[column]) for column in columns)


def _section(comparison, letters, dataset, panels, number):
    def of(table):
        return table[table["dataset"] == dataset].to_dict("records")

    groups, methods, own = map(
        of, (comparison.groups, comparison.methods, comparison.own_runs)
    )
    for row in groups:
        row["marks"] = letters.of(row, "role", "model", "strength")
    for row in methods:
        ours = letters.of({**row, "role": "own", "model": row["own_model"]}, *_METHOD)
        theirs = letters.of({**row, "role": "zoo", "model": row["zoo_model"]}, *_METHOD)
        row["marks"] = "".join(sorted({*ours, *theirs}))
    for row in own:
        row["marks"] = letters.of({**row, "role": "own"}, *_METHOD, "strength", "seed")
    known = comparison.groups[comparison.groups["dataset"] == dataset]
    known = known.dropna(subset=["strength"])
    strengths = {
        model: sorted(set(known.loc[known["model"] == model, "strength"]))
        for model in models_lib.in_order(known["model"])
    }
    return {
        "dataset": dataset,
        "id": f"data-{number}",
        "panels": [
            (fig.get_figwidth(), rendering.figure_svg(fig, f"{dataset}: {title}"))
            for title, fig in panels
        ],
        "strengths": [
            f"{models_lib.label(model)} {_strength(dict(model=model, strength=first))}"
            + "".join(f", {other:g}" for other in others)
            for model, (first, *others) in strengths.items()
        ],
        "groups": groups,
        "methods": methods,
        "own_runs": own,
        "quantities": list(dict.fromkeys(row["quantity"] for row in methods)),
        "representations": sorted({row["representation"] for row in methods}),
    }


def _strength(row):
    """Returns a strength as the library calls it: 'gamma 10', '' if it is not known."""
    if np.isnan(row["strength"]):
        return ""
    name = models_lib.strength_name(models_lib.plain(row["model"])) or "strength"
    return f"{name.rpartition('.')[2]} {row['strength']:g}"


def _breakable(name):
    """Lets a name be broken after its underscores, to keep a column narrow."""
    return markupsafe.Markup("_<wbr>").join(name.split("_"))


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


_TABLES = ("groups", "own_runs", "methods")


@rendering.in_default_style()
def write(comparison, output_dir):
    """Writes tables, figures and the page.

    Args:
        comparison: `results.comparison.Comparison`.
        output_dir: Folder; files of the same names are replaced.

    Returns:
        List of paths.
    """
    written = []

    def target(name):
        written.append(os.path.join(output_dir, name))
        return whole_file(written[-1])

    for name in _TABLES:
        table = getattr(comparison, name)
        with target(f"{name}.parquet") as path:
            table.to_parquet(path, index=False)
        with target(f"{name}.csv") as path:
            table.to_csv(path, index=False)
    figures = {}
    for dataset, runs in comparison.runs.groupby("dataset", sort=False):
        if runs["role"].nunique() == 2:
            figures[dataset] = figures_lib.panels(runs)
            fig = figures_lib.distributions(runs)
            for kind in ("png", "svg"):
                with target(f"{dataset}.{kind}") as path:
                    fig.savefig(path, format=kind, dpi=110)
    with target("index.html") as path, open(path, "w", encoding="utf-8") as file:
        file.write(render(comparison, figures))
    return written
