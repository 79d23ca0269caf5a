# SPDX-License-Identifier: Apache-2.0
"""Records what disentanglement_lib 1.5 gives on its home ground, as data for the tests.

The home ground is Python 3.7 with TensorFlow 1.15.5. To make one:

    conda create -n home_ground python=3.7      (or pyenv, or uv)
    pip install disentanglement-lib==1.5 tensorflow==1.15.5 gin-config==0.4.0 \
        tensorflow-hub==0.12.0 "protobuf<3.21" "h5py<3" imageio==2.9.0 \
        scikit-learn==0.21.3 "Pillow<9"

Then, from the root of the repository and with that Python:

    python scripts/maintenance/record_home_ground.py

writes `tests/data/home_ground_*` (less than 200 kB) in a few minutes. What is measured
is defined in `tests/compat/home_ground.py`, which the tests run on today's stack.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
import warnings

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
DATA = os.path.join(ROOT, "tests", "data")
sys.path.insert(0, os.path.join(ROOT, "tests", "compat"))

import home_ground  # noqa: E402
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import tensorflow as tf  # noqa: E402

# Runs of every metric, under different seeds of NumPy's global random state.
SCORE_RUNS = 10


def main():
    """Records scores, training and the exported module."""
    warnings.simplefilter("ignore")
    if not tf.__version__.startswith("1.15") or sklearn.__version__[:4] != "0.21":
        raise SystemExit(
            f"TensorFlow {tf.__version__} with scikit-learn {sklearn.__version__} is "
            "not the home ground; the docstring says how to make one."
        )
    _save("home_ground_scores.json", record_scores())
    root = tempfile.mkdtemp()
    try:
        _save("home_ground_training.json", record_training(root))
        record_module(os.path.join(root, "pipeline", "model", "tfhub"))
    finally:
        shutil.rmtree(root)


def record_scores():
    """Returns every metric's scores under `SCORE_RUNS` global seeds."""
    scores = {}
    for name in home_ground.SCORES:
        print("scores:", name, flush=True)
        runs = [home_ground.score(name, seed) for seed in range(SCORE_RUNS)]
        scores[name] = {key: _shorten([run[key] for run in runs]) for key in runs[0]}
    return {
        "versions": _versions(),
        "codes_sha256": home_ground.codes_digest(),
        "scores": scores,
    }


def record_training(root):
    """Returns the losses of `MODELS`, and the aggregated results of the pipeline."""
    losses = {}
    for name, bindings in home_ground.MODELS.items():
        print("training:", name, flush=True)
        losses[name] = home_ground.train(bindings, os.path.join(root, name))
    print("pipeline", flush=True)
    return {
        "versions": _versions(),
        "losses": losses,
        "results": {
            name: _read_results(os.path.join(root, name)) for name in home_ground.MODELS
        },
        "pipeline": home_ground.run_pipeline(os.path.join(root, "pipeline")),
    }


def record_module(module_dir):
    """Copies the module that the pipeline exported, and records its outputs."""
    target = os.path.join(DATA, "home_ground_module")
    shutil.rmtree(target, ignore_errors=True)
    # The folder of assets is empty, and git keeps no empty folders.
    shutil.copytree(module_dir, target, ignore=shutil.ignore_patterns("assets"))
    outputs = home_ground.run_module(target)
    np.savez_compressed(os.path.join(DATA, "home_ground_module.npz"), **outputs)


def _read_results(model_dir):
    path = os.path.join(model_dir, "results", "aggregate", "train.json")
    with open(path) as file:
        return json.load(file)


def _shorten(values):
    """Returns one number for runs that all gave the same, else all of them."""
    return values[0] if len(set(values)) == 1 else values


def _versions():
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _save(name, data):
    with open(os.path.join(DATA, name), "w") as file:
        json.dump(data, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
