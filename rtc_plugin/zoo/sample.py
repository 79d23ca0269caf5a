# SPDX-License-Identifier: Apache-2.0
"""The rebuilt sample that ships with the package: scores, not modules."""

import json
import os

import pyarrow.parquet

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.studies import results_table
from rtc_plugin.zoo import scores

FILE = os.path.join(os.path.dirname(__file__), "rebuilt_sample.parquet")
_METADATA = b"rtc_zoo"
# All methods of the study that have these strengths, and RTC-VAE.
COMMAND = (
    "rtc_zoo rebuild --dataset=dsprites_full,shapes3d --twins "
    "--model=beta_vae,factor_vae,dip_vae_i,dip_vae_ii,beta_tc_vae,annealed_vae,rtc_vae "
    "--strength=4,10,16,50 --seed=0,1 --steps=3000 --light --workers=2 "
    "--output_dir=output/zoo_sample"
)


def read(path=FILE):
    """Returns the sample's table, see `results_table`.

    Raises:
        UserError: There is none.
    """
    _check_there(path)
    return results_table.read(path)


def describe(path=FILE):
    """Returns the dictionary that says how the sample was made.

    It has command, date, versions and remark.
    """
    _check_there(path)
    metadata = pyarrow.parquet.read_schema(path).metadata or {}
    return json.loads(metadata.get(_METADATA, b"{}"))


def notice(path=FILE):
    """Returns a sentence that says what the sample is and is not."""
    made = describe(path)
    versions = ", ".join(f"{k} {v}" for k, v in made.get("versions", {}).items())
    return (
        "The zoo's side is the rebuilt sample that ships with rtc_plugin, because no "
        "other was given: models of the study trained anew, with few steps and on the "
        "rendered twins of the data, not the published models nor their scores. It "
        f"shows how methods differ under one short budget. {made.get('remark', '')} "
        f"Made on {made.get('date', 'an unknown date')} by "
        f"`{made.get('command', '?')}` with {versions or 'unknown versions'}."
    ).replace("  ", " ")


def pack(root, command, date, versions, remark="", path=FILE):
    """Writes the sample from a folder that `rtc_zoo rebuild` has made.

    Args:
        root: The folder.
        command: The command that made it.
        date: When, as text.
        versions: Dictionary of packages and their versions.
        remark: What else is to be known of it.
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
    described = json.dumps(
        {"command": command, "date": date, "versions": versions, "remark": remark}
    )
    with whole_file(path) as partial:
        results_table.write(table[wanted], partial)
        content = pyarrow.parquet.read_table(partial)
        content = content.replace_schema_metadata({_METADATA: described})
        pyarrow.parquet.write_table(content, partial, compression="zstd")
    return table["folder"].nunique(), problems


def _is_constant_noise(name):
    # Optimisers are the study's, and as many columns as all the rest.
    return "AdamOptimizer" in name


def _check_there(path):
    if not os.path.exists(path):
        raise UserError(
            "no zoo was given, and this copy of rtc_plugin has no rebuilt sample to "
            "stand in for it; give zips, folders or tables by --zoo, or make a sample: "
            f"{COMMAND} and then compare with --zoo=output/zoo_sample."
        )
