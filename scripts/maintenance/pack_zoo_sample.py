# SPDX-License-Identifier: Apache-2.0
"""Turns a folder that `rtc_zoo rebuild` has made into the sample that ships.

    python scripts/maintenance/pack_zoo_sample.py ROOT [--command="rtc_zoo rebuild ..."]

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


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder that rtc_zoo rebuild has made")
    parser.add_argument("--command", default=sample.COMMAND, help="what has made it")
    options = parser.parse_args()
    try:
        settings = study_folder.StudyFolder(options.root).settings
        statuses = _statuses(options.root)
        num_models, problems = sample.pack(
            options.root,
            options.command,
            max(status["time"] for status in statuses)[:10],
            _same(statuses, "versions"),
            "Bindings that differ from the study's: "
            f"{'; '.join(settings['bindings'] + settings['evaluation_bindings'])}.",
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
