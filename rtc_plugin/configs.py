# SPDX-License-Identifier: Apache-2.0
"""The gin files that come with the plugin: found from any folder, listed, copied out.

A file goes by its name in the repository, `gin/metrics/mig.gin`, wherever the plugin is
installed and whatever the working folder. A file of that name in the working folder is
the user's own and wins. `rtc_plugin/gin/metrics/mig.gin` is always the plugin's: so the
studies name it, whose settings must not depend on the working folder.

Examples:
    >>> from rtc_plugin import configs
    >>> configs.list_configs()["gin/data/cars3d.gin"]
    'Cars3D: the public file, which `rtc data fetch cars3d` brings.'
"""

import difflib
import os
import posixpath
import re

from rtc_plugin import files
from rtc_plugin.errors import UserError

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_INCLUDE = re.compile(r"""^include ["'](.+)["']$""", re.MULTILINE)


def _folder():
    """Returns the folder that holds `gin/`.

    That is the package in an installed copy and the repository in a clone of it.
    """
    # The package first: beside an installed one, gin/ is the package gin-config.
    if os.path.isdir(os.path.join(_PACKAGE, "gin")):
        return _PACKAGE
    return os.path.dirname(_PACKAGE)


def find(name, beside=()):
    """Finds a gin file as `--gin_config` and `include` do.

    Args:
        name: Path of the file, or its name `gin/...` or `rtc_plugin/...`.
        beside: Folders to look in before the working folder.

    Returns:
        Absolute path of the file, or None if there is none.
    """
    if name.startswith("rtc_plugin/gin/"):
        candidates = [os.path.join(_folder(), name[len("rtc_plugin/") :])]
    elif name.startswith("rtc_plugin/"):
        candidates = [os.path.join(os.path.dirname(_PACKAGE), name)]
    else:
        candidates = [os.path.join(folder, name) for folder in [*beside, ""]]
        if name.startswith("gin/"):
            candidates.append(os.path.join(_folder(), name))
    found = filter(os.path.isfile, candidates)
    return next((os.path.abspath(path) for path in found), None)


def suggest(name):
    """Returns what to do about a gin file that is not there, to end a message with.

    Args:
        name: What was asked for.
    """
    known = list_configs()
    base = posixpath.basename(name)
    same = [ours for ours in known if posixpath.basename(ours) == base]
    model, _, dataset = base.partition("_")
    pair = [f"gin/models/{model}.gin", f"gin/data/{dataset}"]
    if not same and all(part in known for part in pair):
        return f"give --gin_config={pair[0]} --gin_config={pair[1]}."
    near = same or difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else "is the path right?"


def read(path):
    """Returns the text of a gin file with the files that it includes in their places.

    Args:
        path: Path of the file.

    Raises:
        UserError: If an included file is not there.
    """

    def included(match):
        found = find(match[1], [os.path.dirname(path)])
        if found is None:
            raise UserError(f"{path}: include '{match[1]}': there is no such file.")
        return read(found)

    with open(path, encoding="utf-8") as file:
        return _INCLUDE.sub(included, file.read())


def list_configs():
    """Lists the files that `--gin_config` finds from anywhere.

    Returns:
        Dictionary in alphabetical order: name, such as `gin/metrics/mig.gin`, to what
        the file says of itself in the first sentence of its comment. The parts in
        `gin/include` are left out.
    """
    root = _folder()
    names = []
    for folder, _, found in os.walk(os.path.join(root, "gin")):
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        if below != "gin/include":
            names += [f"{below}/{name}" for name in found if name.endswith(".gin")]
    return {name: _first_sentence(os.path.join(root, name)) for name in sorted(names)}


def _first_sentence(path):
    with open(path, encoding="utf-8") as file:
        comment = re.match(r"(?:#.*\n)*", file.read())[0]
    text = " ".join(re.sub(r"^# ?", "", comment, flags=re.MULTILINE).split())
    return re.match(r".*?[.?](?= |$)|.*", text)[0]


def copy_config(name, to):
    """Copies a file out for editing.

    What it includes is named `gin/...` in the copy, so that the copy works anywhere and
    a file of that name in the working folder takes the place of the plugin's.

    Args:
        name: Name of the file as `list_configs` gives it.
        to: Path of the copy, or a folder to put it in.

    Returns:
        Path of the copy.

    Raises:
        UserError: If there is no such file or something is in the copy's place.
    """
    if name not in list_configs():
        raise UserError(f"{name} is no gin file of rtc_plugin; {suggest(name)}")
    path = os.path.join(to, posixpath.basename(name)) if os.path.isdir(to) else to
    if os.path.lexists(path):
        raise UserError(f"{path} exists already; give another place for {name}.")

    def absolute(match):
        if match[1].startswith("rtc_plugin/"):
            return match[0]
        below = posixpath.join(posixpath.dirname(name), match[1])
        return f"include '{posixpath.normpath(below)}'"

    with open(os.path.join(_folder(), name), encoding="utf-8") as file:
        text = _INCLUDE.sub(absolute, file.read())
    with (
        files.whole_file(path) as partial,
        open(partial, "w", encoding="utf-8") as copy,
    ):
        copy.write(text)
    return path
