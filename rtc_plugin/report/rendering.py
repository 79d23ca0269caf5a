# SPDX-License-Identifier: Apache-2.0
"""Templates to pages, and figures to pictures that follow a page's theme."""

import hashlib
import io
import re

import jinja2
import markupsafe
import matplotlib


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


def figure_svg(fig, description):
    """Returns a matplotlib figure as SVG markup for inside a page.

    Black becomes the page's text colour and white its background, so that one picture
    serves light and dark; text stays text, in the page's font.

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
    svg = svg.replace("#000000", "currentColor").replace("#ffffff", "var(--surface)")
    # Text without a fill of its own is black by default.
    svg = re.sub(r"font: (?:\w+ )*([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    # Names must differ between the figures of one page.
    prefix = "f" + hashlib.sha1(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    label = markupsafe.escape(description)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return markupsafe.Markup(svg)
