# SPDX-License-Identifier: Apache-2.0
"""Turns a folder that `rtc zoo rebuild` has made into the sample that ships.

    python scripts/maintenance/pack_zoo_sample.py ROOT [--command="rtc zoo rebuild ..."]

writes `rtc_plugin/zoo/rebuilt_sample.parquet`: the scores, and in the file's metadata
the command, the date and versions that the models' own records tell, and the bindings
that differ from the study's. `rtc_plugin.zoo.sample.describe()` reads them back.
"""

import argparse
import os
import sys

from rtc_plugin.errors import UserError
from rtc_plugin.studies import study_folder
from rtc_plugin.zoo import sample, scores

# All methods of the study that have these strengths, and RTC-VAE.
COMMAND = (
    "rtc zoo rebuild --dataset=dsprites_full,shapes3d --twins "
    "--model=beta_vae,factor_vae,dip_vae_i,dip_vae_ii,beta_tc_vae,annealed_vae,rtc_vae "
    "--strength=4,10,16,50 --seed=0,1 --steps=1500 --light --workers=2 "
    "--output_dir=output/zoo_sample"
)


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder that rtc zoo rebuild has made")
    parser.add_argument("--command", default=COMMAND, help="what has made it")
    options = parser.parse_args()
    try:
        settings = study_folder.StudyFolder(options.root).settings
        statuses = _statuses(options.root)
        num_models, problems = sample.pack(
            options.root,
            {
                "command": options.command,
                "date": max(status["time"] for status in statuses)[:10],
                "versions": _same(statuses, "versions"),
                "bindings": settings["bindings"] + settings["evaluation_bindings"],
            },
        )
    except UserError as error:
        sys.exit(str(error))
    scores.report(problems)
    print(f"{num_models} models, {os.path.getsize(sample.FILE):,} bytes: {sample.FILE}")


def _statuses(root):
    statuses = []
    for name in sorted(os.listdir(root)):
        if name.isdigit():
            status = study_folder.read_status(os.path.join(root, name))
            if status.get("state") != study_folder.DONE:
                raise UserError(f"model {name} is not done; finish or remove it first.")
            statuses.append(status)
    if not statuses:
        raise UserError(f"{root} holds no models.")
    return statuses


def _same(statuses, key):
    if any(status[key] != statuses[0][key] for status in statuses):
        raise UserError(f"the models differ in {key}; a sample is made with one set.")
    return statuses[0][key]


if __name__ == "__main__":
    main()
