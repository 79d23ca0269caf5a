# SPDX-License-Identifier: Apache-2.0
"""This plugin's metrics on one model's module, in a process of its own.

    python -m rtc_plugin.zoo.measure SOURCE ROOT OUTPUT_DIR

runs the module that is in SOURCE, so it is for modules that the user trusts.
"""

import argparse
import os
import shutil
import sys
import tempfile

from rtc_plugin import configs, files
from rtc_plugin.compat import commands
from rtc_plugin.errors import UserError
from rtc_plugin.studies import model_steps
from rtc_plugin.zoo import archive

REPRESENTATION = "mean_and_logvar"
METRIC = "rtc_metrics"


def result_folder(model_folder):
    """Returns the folder that a model's measurement goes to."""
    return os.path.join(model_folder, "metrics", REPRESENTATION, METRIC)


def measure(source, root, model_folder, data="auto", bindings=()):
    """Writes `metrics/mean_and_logvar/rtc_metrics` of a model.

    Args:
        source: Zip, or folder, that the model is in.
        root: What the names of the model's files start with there.
        model_folder: Folder that `metrics` is made in.
        data: Data set to measure on; "auto" for the one that was trained on.
        bindings: Further gin bindings.

    Raises:
        UserError: The source has no such model or module, the data set is not there,
            or as the metrics.
    """
    with tempfile.TemporaryDirectory() as folder:
        with archive.open_archive(source) as opened:
            models = [m for m in archive.find_models(opened) if m.root == root]
            if not models:
                raise UserError(f"{source} holds no model in {root!r}.")
            archive.extract(opened, models[0], ("model/tfhub/",), folder)
            archive.extract(opened, models[0], ("model/results/",), folder)
        steps = model_steps.plan_evaluation(
            os.path.join(folder, "model"),
            folder,
            [configs.find(f"rtc_plugin/gin/postprocess/{REPRESENTATION}.gin")],
            [configs.find(f"rtc_plugin/gin/metrics/{METRIC}.gin")],
            [f"dataset.name = {data!r}"],
            ["evaluation.random_seed = 0", f"dataset.name = {data!r}", *bindings],
        )
        for step in steps:
            error = model_steps.do(step)
            if error is not None:
                raise error
        target = result_folder(model_folder)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        partial = target + files.PARTIAL
        files.delete(partial)
        shutil.move(steps[-1].folder, partial)
        files.replace_folder(partial, target)


def main():
    """Runs the command line; its last line on stderr says what went wrong."""
    parser = argparse.ArgumentParser(description=measure.__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("root")
    parser.add_argument("model_folder")
    parser.add_argument("--data", default="auto")
    parser.add_argument("--gin_bindings", action="append", default=[])
    options = parser.parse_args()
    try:
        measure(
            options.source,
            options.root,
            options.model_folder,
            options.data,
            options.gin_bindings,
        )
    except Exception as error:
        line = commands.explain(error, error.__traceback__)
        if line is None:
            raise
        print(line, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
