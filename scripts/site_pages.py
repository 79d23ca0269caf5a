# SPDX-License-Identifier: Apache-2.0
"""Writes the site's reference from the code; run by `mkdocs build`, see mkdocs.yml.

Commands from their own help, configurables from what gin knows once library and plugin
are imported, arrays' functions from their docstrings.
"""

import inspect
import pathlib

import click
import mkdocs_gen_files
from gin import config

from rtc_plugin.commands.main import rtc
from rtc_plugin.compat import gin_config

PACKAGE = pathlib.Path(__file__).parents[1] / "rtc_plugin"
ARRAYS = {
    "total_correlation": "Estimators on arrays, in nats.",
    "measures": "Every metric as a function of arrays.",
    "results": "Tables of results, and what can be concluded from them.",
}
AREAS = {
    "rtc_plugin": "The plugin's own",
    "disentanglement_lib": "The library's",
}


def write(name, lines):
    """Writes a page of the reference."""
    with mkdocs_gen_files.open(f"reference/{name}.md", "w") as page:
        page.write("\n".join(lines) + "\n")


def help_of(command, path, parent=None):
    """Yields the lines on a command and, for a group, on its verbs."""
    context = click.Context(
        command, info_name=path[-1], parent=parent, max_content_width=88
    )
    yield f"{'#' * len(path)} {' '.join(path)}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    for name in getattr(command, "commands", {}):
        yield from help_of(command.commands[name], [*path, name], context)


def defaults(item):
    """Returns the bindings of a configurable's defaults, a line each."""
    return "\n".join(
        f"{item.name}.{shown(p)}" for p in gin_config.bindable_parameters(item)
    )


def shown(parameter):
    """Returns a parameter as a gin file would bind it."""
    default = parameter.default
    if default is parameter.empty:
        return parameter.name
    if callable(default):
        default = f"@{default.__name__}"
    elif isinstance(default, tuple) and any(map(callable, default)):
        default = f"({', '.join(f'@{item.__name__}' for item in default)})"
    elif default is config.REQUIRED:
        default = "REQUIRED"
    else:
        default = repr(default)
    return f"{parameter.name} = {default}"


def configurables():
    """Yields the lines on all that the library and the plugin register with gin."""
    # Importing these registers everything.
    from disentanglement_lib.config import reproduce  # noqa: F401
    from disentanglement_lib.evaluation import evaluate  # noqa: F401
    from disentanglement_lib.methods.unsupervised import train  # noqa: F401
    from disentanglement_lib.postprocessing import postprocess  # noqa: F401

    yield "# gin configurables\n"
    yield "What each is, and its parameters with their defaults."
    for package, title in AREAS.items():
        yield f"\n## {title}\n"
        for selector, item in sorted(config._REGISTRY.items()):
            if selector.partition(".")[0] == package or (
                getattr(item.wrapped, "__module__", "").partition(".")[0] == package
            ):
                first = (inspect.getdoc(item.wrapped) or "").partition("\n")[0]
                yield f"### {item.name}\n\n{first}\n"
                yield f"```python\n{defaults(item)}\n```\n"


write("commands", ["# Commands\n", *help_of(rtc, ["rtc"])])
write("configurables", configurables())
for package, title in ARRAYS.items():
    modules = sorted(
        path.stem for path in (PACKAGE / package).glob("*.py") if path.stem[0] != "_"
    )
    names = [f"rtc_plugin.{package}", *(f"rtc_plugin.{package}.{m}" for m in modules)]
    write(package, [f"# {package}\n", title, *(f"\n::: {name}" for name in names)])
