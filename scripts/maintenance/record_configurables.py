#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Writes rtc_plugin/compat/configurables.json: what gin can configure.

    python scripts/maintenance/record_configurables.py

To be run once for each TensorFlow that is supported: what is there already stays, since
the optimisers of the other version are in it. Start from an absent file after something
has been renamed.
"""

import inspect
import json
import os

from disentanglement_lib.config import reproduce  # noqa: F401
from disentanglement_lib.evaluation import evaluate  # noqa: F401
from disentanglement_lib.evaluation.abstract_reasoning import reason  # noqa: F401
from disentanglement_lib.methods.unsupervised import train  # noqa: F401
from disentanglement_lib.postprocessing import postprocess  # noqa: F401
from disentanglement_lib.visualize import visualize_model  # noqa: F401
from gin import config

from rtc_plugin.compat import early_checks, gin_config


def record():
    """Returns {configurable: sorted parameters} of all that is registered with gin."""
    table = {}
    for selector, item in config._REGISTRY.items():
        parameters = inspect.signature(item.wrapped).parameters.values()
        if any(p.kind == p.VAR_KEYWORD for p in parameters):
            table[selector] = [early_checks.ANY]
        else:
            bindable = gin_config.bindable_parameters(item)
            table[selector] = sorted(p.name for p in bindable)
    return table


def main():
    """Adds what is registered here to the table."""
    table = {}
    if os.path.exists(early_checks.TABLE):
        with open(early_checks.TABLE) as file:
            table = json.load(file)
    for name, parameters in record().items():
        table[name] = sorted({*table.get(name, ()), *parameters})
    with open(early_checks.TABLE, "w") as file:
        json.dump(table, file, indent=1, sort_keys=True)
        file.write("\n")
    print(f"{len(table)} configurables in {early_checks.TABLE}")


if __name__ == "__main__":
    main()
