# SPDX-License-Identifier: Apache-2.0
"""Times training with and without deterministic operations.

    python benchmarks/determinism.py --models betavae rtcvae --pairs 6

Each pair trains a model of gin/ on the rendered dSprites from scratch, once with
`training_ops.deterministic` True and once False, in alternating order; the first steps,
which build and warm up, are not counted. Prints milliseconds per step, their ratio
(above 1: determinism costs), and whether all checkpoints are the same.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import gin
import tensorflow.compat.v1 as tf
from disentanglement_lib.data.ground_truth import named_data
from disentanglement_lib.methods.unsupervised import train
from tensorflow.contrib import tpu

GIN = Path(__file__).parents[1] / "gin"
WARM_UP = 5


class StepTimes(tf.train.SessionRunHook):
    """Notes when each step ends."""

    def begin(self):
        """Starts with no steps."""
        self.ends = []

    def after_run(self, run_context, run_values):
        """Notes one."""
        self.ends.append(time.perf_counter())

    def milliseconds(self):
        """Median time of a step, warm-up left out."""
        ends = self.ends[WARM_UP:]
        return 1000 * statistics.median(b - a for a, b in zip(ends, ends[1:]))


def train_once(name, deterministic, options):
    """Returns milliseconds per step and a checksum of the checkpoint."""
    gin.clear_config()
    gin.parse_config_files_and_bindings(
        [
            str(GIN / "models" / f"{name}.gin"),
            str(GIN / "data" / "dsprites_rendered.gin"),
        ],
        [f"training_ops.deterministic = {deterministic}"],
    )
    model = gin.query_parameter("model.model").scoped_configurable_fn()
    model_fn, times = model.model_fn, StepTimes()

    def timed_model_fn(features, labels, mode, params):
        spec = model_fn(features=features, labels=labels, mode=mode, params=params)
        spec.training_hooks = [*spec.training_hooks, times]
        return spec

    threads = tf.ConfigProto(
        intra_op_parallelism_threads=options.threads,
        inter_op_parallelism_threads=options.threads,
    )
    with tempfile.TemporaryDirectory() as folder:
        estimator = tpu.TPUEstimator(
            use_tpu=False,
            model_fn=timed_model_fn,
            model_dir=folder,
            train_batch_size=options.batch_size,
            config=tpu.RunConfig(tf_random_seed=0, session_config=threads),
        )
        data = named_data.get_named_ground_truth_data()
        estimator.train(train._make_input_fn(data, 0), WARM_UP + options.steps)
        reader = tf.train.load_checkpoint(estimator.latest_checkpoint())
        weights = [
            reader.get_tensor(variable).tobytes()
            for variable in sorted(reader.get_variable_to_shape_map())
        ]
    return times.milliseconds(), hashlib.sha256(b"".join(weights)).hexdigest()


def main():
    """Prints the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["betavae", "rtcvae"])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in options.models:
        found = {True: [], False: []}
        for pair in range(options.pairs):
            for deterministic in (True, False) if pair % 2 else (False, True):
                found[deterministic].append(train_once(name, deterministic, options))
        ratios = [a[0] / b[0] for a, b in zip(found[True], found[False])]
        on, off = (statistics.median(t for t, _ in found[key]) for key in (True, False))
        checksums = {checksum for runs in found.values() for _, checksum in runs}
        print(
            f"{name}: {on:.1f} ms per step deterministic, {off:.1f} ms not; ratio "
            f"{statistics.median(ratios):.3f} (pairs {min(ratios):.3f} to "
            f"{max(ratios):.3f}); {len(checksums)} different checkpoint(s) in "
            f"{2 * options.pairs} runs",
            flush=True,
        )


if __name__ == "__main__":
    main()
