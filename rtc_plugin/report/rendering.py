# SPDX-License-Identifier: Apache-2.0
"""Templates to pages, and figures to pictures that follow a page's theme."""

import hashlib
import io
import re

import jinja2
import markupsafe
import matplotlib
from matplotlib import style

# What the style sheet calls these colours of a figure.
_THEME = {
    "#000000": "currentColor",
    "#ffffff": "var(--surface)",
    "#0072b2": "var(--blue)",
}


def render(template, **values):
    """Fills a template of this package.

    Args:
        template: Its name, "page.html" say; it may extend "base.html".
        **values: What the template asks for; a name that is missing is an error.

    Returns:
        The page as a string, with all styles and scripts inside.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rtc_plugin.report"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def in_default_style():
    """Returns a decorator of what draws figures for a page: in matplotlib's own style.

    Another that the process has set may write in a grey that `figure_svg` cannot turn
    into the page's colour; the library's unified scores set seaborn's.
    """
    return style.context("default")


def figure_svg(fig, description):
    """Returns a matplotlib figure as SVG markup for inside a page.

    Black becomes the page's text colour and white its background, so that one picture
    serves light and dark; so does the blue. Text stays text, in the page's font.

    Args:
        fig: Matplotlib figure.
        description: What a screen reader says of it.

    Returns:
        Markup, safe to put into a template.
    """
    buffer = io.StringIO()
    # hashsalt: the same figure gives the same text.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rtc"}):
        fig.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r"font: (?:\w+ )*([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    # Names must differ between the figures of a page; those not referred to go.
    prefix = "f" + hashlib.sha1((description + svg).encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))

    def rename(match):
        return f' id="{prefix}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r'\sid="([^"]+)"', rename, svg)
    svg = re.sub(r'(url\(|href=")#', rf"\g<1>#{prefix}-", svg)
    label = markupsafe.escape(description)
    width = f"--inches: {fig.get_figwidth():g}"
    svg = svg.replace(
        "<svg ", f'<svg role="img" aria-label="{label}" style="{width}" ', 1
    )
    return markupsafe.Markup(svg)
