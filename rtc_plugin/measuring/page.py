# SPDX-License-Identifier: Apache-2.0
"""The page of a report: scores, figures, and what each score means."""

import rtc_plugin
from rtc_plugin.measuring.registry import format_number
from rtc_plugin.report import rendering

# Figure, heading, what to look for.
_FIGURES = (
    (
        "latents",
        "What each latent carries",
        "The signal share r is the part of a latent's variance that is not noise: 0.9 "
        "and more is active, 0.1 and less passive. A passive latent's mean counts in "
        "the total correlation of means like any other.",
    ),
    (
        "scores",
        "Latents against factors",
        "The two largest scores of each factor are written. Two large ones in a column "
        "are a factor that sits in two latents.",
    ),
    (
        "top2_r2",
        "The two latents that tell most about each factor, by R\u00b2",
        "A factor in one latent changes colour along one axis only, a factor that is "
        "split over two in both.",
    ),
    (
        "top2_nmi",
        "The same by normalised mutual information",
        "Which sees any relation, not a linear one alone.",
    ),
    (
        "pairs",
        "Every latent against every other",
        "Uncorrelated is not independent: a ring, a cross or a checkerboard has no "
        "correlation, and mutual information shows it.",
    ),
)


@rendering.in_default_style()
def render(report, title):
    """Returns a page as text; see `Report.to_html`."""
    drawn = report.figures()
    scores = report.scores.values()
    metrics = {}
    for value in scores:
        metrics.setdefault(value.meaning.metric, []).append(value)
    return rendering.render(
        "measured.html",
        title=title,
        size=report.size,
        notes=report.notes,
        metrics=metrics,
        has_intervals=any(value.low is not None for value in scores),
        figures=[
            (name, heading, caption, rendering.figure_svg(drawn[name], heading))
            for name, heading, caption in _FIGURES
            if name in drawn
        ],
        format=format_number,
        settings=report.settings,
        version=rtc_plugin.__version__,
    )
