# SPDX-License-Identifier: Apache-2.0
"""A run on disk, as the library's commands leave it: its gin, its module's signatures.

Nothing here imports TensorFlow before it opens a module.
"""

import contextlib
import functools
import json
import os
import re

from rtc_plugin.errors import UserError

# Says which study a folder holds.
STUDY_FILE = "study.json"
# What a finished step has written, in its folder: all that is known of it.
TRAIN_FILE, POSTPROCESS_FILE, EVALUATION_FILE = (
    f"results/aggregate/{step}.json" for step in ("train", "postprocess", "evaluation")
)
# The scores of an evaluation alone, and what else is there.
SCORES_FILE = "results/json/evaluation_results.json"
_NOT_SCORES = {"elapsed_time", "uuid"}


def parse_bindings(config):
    """Reads the bindings of an operative gin configuration.

    Args:
        config: String as `gin.operative_config_str()` writes it.

    Returns:
        Dictionary from parameter names to the values' source, each on one line.
    """
    # A binding starts in the first column; the lines that continue it are indented or
    # close its brackets.
    statements = []
    for line in config.split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        if re.match(r"[\w./]+ = ?", line):
            statements.append(line)
        elif statements and re.match(r"[\s\])}'\"]", line):
            statements[-1] = statements[-1].rstrip("\\").rstrip() + " " + line.strip()
    bindings = {}
    for statement in statements:
        key, value = statement.split(" =", 1)
        bindings[key] = value.strip()
    return bindings


def read_gin(folder, step):
    """Returns the bindings that a step of the pipeline has saved, {} if none.

    Args:
        folder: Output folder of that step or a later one, or None.
        step: "train" or "postprocess".
    """
    path = os.path.join(folder or "", "results", "gin", f"{step}.gin")
    if folder is None or not os.path.exists(path):
        return {}
    with open(path) as file:
        return parse_bindings(file.read())


def read_training(model_dir):
    """Returns what a model was trained on, the name of its data set, and its bindings.

    Args:
        model_dir: Folder that `dlib_train` has made.

    Raises:
        UserError: Nothing there says on what.
    """
    training = read_gin(model_dir, "train")
    name = training.get("dataset.name", "").strip("'\"")
    if not name:
        raise UserError(
            f"--model_dir={model_dir} holds no results/gin/train.gin with a "
            "dataset.name; give a folder that dlib_train has made."
        )
    # A path is a name that needs no other binding.
    if name == "file_data" and training.get("file_data.size", "None") == "None":
        name = training["file_data.path"].strip("'\"")
    return name, training


def read_scores(folder):
    """Returns {name: number} of the scalar scores of an evaluation.

    Args:
        folder: Output folder of `dlib_evaluate`.
    """
    with open(os.path.join(folder, SCORES_FILE)) as file:
        return scalars(json.load(file))


def scalars(results):
    """Returns {name: number} of the scalar scores among an evaluation's results."""
    return {
        name: value
        for name, value in results.items()
        if name not in _NOT_SCORES and isinstance(value, (int, float))
    }


def check_trust(trust):
    """Checks that the user has said that a TFHub module may be run.

    Args:
        trust: Whether so.

    Raises:
        UserError: If not.
    """
    if not trust:
        raise UserError(
            "a TFHub module is a program: loading it runs it, with your rights. Add "
            "--trust if you trust where it comes from."
        )


@contextlib.contextmanager
def open_signature(model_dir, signature):
    """Opens one signature of a trained module.

    Args:
        model_dir: Folder that `dlib_train` has made.
        signature: "gaussian_encoder", "reconstructions" or "decoder".

    Yields:
        Function from a dictionary of inputs to one of outputs.

    Raises:
        UserError: The folder has no module, or the module not this signature.
    """
    import tensorflow_hub as hub

    path = os.path.join(model_dir, "tfhub")
    if not os.path.isdir(path):
        raise UserError(
            f"model_dir={model_dir} holds no tfhub module; give a folder that "
            "dlib_train has made."
        )
    known = hub.load_module_spec(path).get_signature_names()
    if signature not in known:
        raise UserError(
            f"the module in {model_dir} has no signature '{signature}', only "
            f"{sorted(known)}; give a folder that dlib_train has made."
        )
    with hub.eval_function_for_module(path) as module:
        yield functools.partial(module, signature=signature, as_dict=True)
