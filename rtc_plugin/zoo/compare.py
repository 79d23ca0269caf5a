# SPDX-License-Identifier: Apache-2.0
"""Own runs against the zoo, from wherever either side's scores lie."""

import pandas as pd

from rtc_plugin.results import comparison
from rtc_plugin.zoo import sample, scores


def compare(own_paths=(), zoo_paths=()):
    """Compares own runs with the zoo's.

    Args:
        own_paths: Tables (.parquet, .csv), zips, folders or JSON files; if there are
            none, the RTC-VAE models of the zoo's side take their place.
        zoo_paths: The same for the zoo; the packaged sample if there are none.

    Returns:
        `comparison.Comparison`.

    Raises:
        UserError: Something cannot be read, or nothing is in common.
    """
    if zoo_paths:
        zoo, notice = _load(zoo_paths, "zoo"), _describe(zoo_paths)
    else:
        table = sample.read()
        zoo, notice = comparison.slim(table), sample.notice(table, sample.describe())
    own = _load(own_paths, "own") if own_paths else None
    return comparison.compare_tables(own, zoo, notice)


def _describe(paths):
    return f"The zoo's side is what was read from {', '.join(map(str, paths))}."


def _load(paths, origin):
    tables = [p for p in paths if str(p).endswith((".parquet", ".csv"))]
    others = [p for p in paths if p not in tables]
    loaded = [comparison.slim(comparison.read_table(str(path))) for path in tables]
    if others:
        table, problems = scores.read(others, origin, workers=None)
        scores.report(problems)
        loaded.append(comparison.slim(table))
    return pd.concat(loaded, ignore_index=True)
