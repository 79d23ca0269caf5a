# SPDX-License-Identifier: Apache-2.0
"""The rebuilt sample that ships with the package: scores, not modules."""

import json
import os

import pyarrow.parquet

from rtc_plugin.files import whole_file
from rtc_plugin.results import table as results_table
from rtc_plugin.zoo import scores

FILE = os.path.join(os.path.dirname(__file__), "rebuilt_sample.parquet")
_METADATA = b"rtc_zoo"


def read(path=FILE):
    """Returns the sample's table, see `results_table`."""
    return results_table.read(path)


def describe(path=FILE):
    """Returns the dictionary that says how the sample was made.

    It has command, date, versions (of packages) and bindings (training's and the
    metrics' that differ from the study's).
    """
    return json.loads(pyarrow.parquet.read_schema(path).metadata[_METADATA])


def notice(table, made):
    """Returns sentences that say what the sample is and is not, the chief one first.

    Args:
        table: The sample's, see `read`.
        made: How it was made, see `describe`.
    """
    steps = " or ".join(f"{n:,}" for n in sorted(set(table["training_steps"])))
    versions = ", ".join(f"{k} {v}" for k, v in made["versions"].items())
    return (
        "The zoo's side is not the published models but the rebuilt sample that ships "
        f"with rtc_plugin: {table['folder'].nunique()} models, trained for {steps} of "
        "the study's 300,000 steps on the rendered twins of the data.\n"
        "No other was given. Scores are from fewer images than the study's, and are "
        "not its scores; they show how methods differ under one short budget. Made on "
        f"{made['date']} by `{made['command']}` with {versions}."
    )


def pack(root, made, path=FILE):
    """Writes the sample from a folder that `rtc zoo rebuild` has made.

    Args:
        root: The folder.
        made: Dictionary that says how, see `describe`.
        path: File to write.

    Returns:
        Number of models, list of `scores.Problem`.

    Raises:
        UserError: The folder holds no scores.
    """
    table, problems = scores.read([root], origin="rebuilt")
    # Where the models lay says nothing to others; their numbers do.
    table["folder"] = table["folder"].map(os.path.basename).astype("string")
    wanted = [name for name in table if not _is_constant_noise(name)]
    with whole_file(path) as partial:
        results_table.write(table[wanted], partial)
        content = pyarrow.parquet.read_table(partial)
        content = content.replace_schema_metadata({_METADATA: json.dumps(made)})
        pyarrow.parquet.write_table(content, partial, compression="zstd")
    return table["folder"].nunique(), problems


def _is_constant_noise(name):
    # Optimisers are the study's, and as many columns as all the rest.
    return "AdamOptimizer" in name
