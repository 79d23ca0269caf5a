# SPDX-License-Identifier: Apache-2.0
"""What other packages add: data sets, models and measures, by entry points."""

import functools
import importlib.metadata

from rtc_plugin.errors import UserError

DATA = "rtc_plugin.data"
METHODS = "rtc_plugin.methods"
MEASURES = "rtc_plugin.measures"


@functools.lru_cache(None)
def find(group):
    """Finds what installed packages have in a group of entry points.

    Args:
        group: `DATA`, `METHODS` or `MEASURES`.

    Returns:
        Dictionary from names to `importlib.metadata.EntryPoint`s; nothing is imported.

    Examples:
        >>> sorted(find("rtc_plugin.no_such_group"))
        []
    """
    found = importlib.metadata.entry_points()
    # A dictionary until Python 3.9.
    select = getattr(found, "select", lambda group: found.get(group, ()))
    return {entry.name: entry for entry in select(group=group)}


def load(entry):
    """Returns what an entry point stands for.

    Args:
        entry: One of `find`'s.

    Raises:
        UserError: It cannot be imported; the package that has it is to be mended or
            uninstalled.
    """
    try:
        return entry.load()
    except Exception as error:
        raise UserError(
            f"{entry.name} = {entry.value}, an entry point of the group {entry.group} "
            f"in an installed package, cannot be loaded ({type(error).__name__}: "
            f"{error}); mend or uninstall that package."
        ) from error
