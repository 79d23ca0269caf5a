# SPDX-License-Identifier: Apache-2.0
"""Images per second, memory and opening time of the input pipelines.

    python benchmarks/data.py [--dataset=shapes3d_rendered] [--batch_size=64]

For each data set, in one run: the library's generator (one image after the other) and
ours, alternating so that what else the machine does weighs on both. The observations
are asked for as training does, without a model. Times are wall-clock and CPU time of
all threads; the latter says what is left for training on a machine with few cores.

The library's pipeline runs on our data set, and "stock" also on an object of the
library's own Shapes3D class whose 23.6 GB of floats are a single image repeated: no
time is lost on memory that a machine would have to have.
"""

import json
import os
import time

# Only here, so that the figures are not of messages.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
from absl import app, flags  # noqa: E402
from disentanglement_lib.data.ground_truth import (  # noqa: E402
    shapes3d as stock_shapes3d,
)
from disentanglement_lib.data.ground_truth import util  # noqa: E402

from rtc_plugin.data.ground_truth import named_data  # noqa: E402
from rtc_plugin.training import input_pipeline  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_multi_string(
    "dataset", ["shapes3d_rendered", "dsprites_rendered"], "Names of data sets."
)
flags.DEFINE_multi_integer("batch_size", [64, 500], "Batch sizes.")
flags.DEFINE_integer("images", 6000, "Images to time the library's pipeline on.")
flags.DEFINE_integer("rounds", 3, "Times to alternate between the pipelines.")
flags.DEFINE_string("json", None, "File to write the figures to, too.")


def memory_mb():
    """Resident memory of this process in MB: now, and at its highest."""
    with open("/proc/self/status") as f:
        fields = dict(line.split(":", 1) for line in f)
    return [int(fields[key].split()[0]) / 1e3 for key in ("VmRSS", "VmHWM")]


def stock_input_fn(data):
    """The library's `_make_input_fn`."""

    def input_fn(params):
        dataset = util.tf_data_set_from_ground_truth_data(data, 0)
        dataset = dataset.batch(params["batch_size"], drop_remainder=True)
        return tf.data.make_one_shot_iterator(dataset).get_next()

    return input_fn


def stock_shapes3d_data():
    """The library's Shapes3D, without its file and its memory."""
    data = object.__new__(stock_shapes3d.Shapes3D)
    data.factor_sizes = [10, 10, 10, 8, 4, 15]
    data.latent_factor_indices = list(range(6))
    data.state_space = util.SplitDiscreteStateSpace(
        data.factor_sizes, data.latent_factor_indices
    )
    data.factor_bases = 480000 / np.cumprod(data.factor_sizes)
    image = np.zeros((1, 64, 64, 3), np.float32)
    data.images = np.broadcast_to(image, (480000, 64, 64, 3))
    return data


def seconds_per_image(input_fn, batch_size, num_images):
    """Returns wall-clock and CPU seconds per image."""
    with tf.Graph().as_default(), tf.Session() as session:
        # The operation alone: nothing is copied out of TensorFlow.
        batch = input_fn({"batch_size": batch_size}).op
        for _ in range(3):
            session.run(batch)
        steps = max(2, num_images // batch_size)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            session.run(batch)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return np.array([wall, cpu]) / (steps * batch_size)


def compare(name):
    """Prints and returns the figures of one data set."""
    before = memory_mb()[0]
    start = time.perf_counter()
    data = named_data.GROUND_TRUTH_DATA[name]()
    opening = time.perf_counter() - start
    pipelines = {
        "library": (stock_input_fn(data), 1),
        "ours": (input_pipeline.make_input_fn(data, 0), 10),
    }
    if name.startswith("shapes3d"):
        pipelines["stock"] = (stock_input_fn(stock_shapes3d_data()), 1)
    figures = {"dataset": name, "opening_s": opening, "rates": []}
    for batch_size in FLAGS.batch_size:
        seconds = {key: [] for key in pipelines}
        for _ in range(FLAGS.rounds):
            for key, (input_fn, factor) in pipelines.items():
                num_images = FLAGS.images * factor
                seconds[key].append(seconds_per_image(input_fn, batch_size, num_images))
        medians = {key: np.median(values, axis=0) for key, values in seconds.items()}
        for key, (wall, cpu) in medians.items():
            gain = medians["library"] / medians[key]
            figures["rates"].append(
                {
                    "pipeline": key,
                    "batch_size": batch_size,
                    "images_per_s": 1 / wall,
                    "images_per_cpu_s": 1 / cpu,
                }
            )
            print(
                f"{name:18} batch {batch_size:4} {key:8} {1 / wall:8.0f} images/s, "
                f"{1 / cpu:8.0f} per CPU second; {gain[0]:5.1f} and {gain[1]:5.1f} "
                "times the library's"
            )
    figures["memory_added_mb"] = memory_mb()[0] - before
    print(
        f"{name:18} opened in {opening:.3f} s; {figures['memory_added_mb']:.0f} MB of "
        f"memory added, TensorFlow's buffers included; {before:.0f} MB before"
    )
    return figures


def main(unused_argv):
    """Compares the pipelines on each data set."""
    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    figures = [compare(name) for name in FLAGS.dataset]
    if FLAGS.json:
        with open(FLAGS.json, "w") as f:
            json.dump(figures, f, indent=1)


if __name__ == "__main__":
    app.run(main)
