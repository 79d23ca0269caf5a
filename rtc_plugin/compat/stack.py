# SPDX-License-Identifier: Apache-2.0
"""What the library stands on: small patches, and stand-ins for what is gone.

One function or class for each name that the library (and tensorflow_hub 0.15) still
uses. The packages are imported where they are used: this module serves each of them and
must not load the others. `missing_modules` says under which module's name a stand-in is
found.
"""

import importlib.util
import os
import shutil
import sys
import types

from packaging.version import parse as parse_version  # Of pkg_resources, see there.

# TensorFlow: the library was written for 1.14.


def disable_v2_behavior(tensorflow):
    """Gives back graphs and sessions (every TensorFlow 2)."""
    logger = tensorflow.get_logger()
    level = logger.level
    # It warns that variables of the old kind will go; the library has no others.
    logger.setLevel("ERROR")
    tensorflow.compat.v1.disable_v2_behavior()
    logger.setLevel(level)


def restore_estimator(tensorflow):
    """Puts back what gin, tensorflow_hub and the library take from `tf.estimator`.

    For TensorFlow >= 2.16, which has no Estimator.
    """
    if hasattr(tensorflow.compat.v1, "estimator"):
        return
    from rtc_plugin.training import estimator

    tensorflow.estimator = estimator
    tensorflow.compat.v1.estimator = estimator
    sys.modules.setdefault("tensorflow.estimator", estimator)


def assign_from_checkpoint_fn(model_path, var_list):
    """Stands in for that of `tensorflow.contrib.framework` (gone from 2.0 on).

    Args:
        model_path: Path of the checkpoint.
        var_list: Dictionary from names in the checkpoint to variables.

    Returns:
        Function of a session that restores the variables.
    """
    import tensorflow.compat.v1 as tf

    saver = tf.train.Saver(var_list)
    return lambda session: saver.restore(session, model_path)


# tensorflow-probability 0.7, which the library's metadata pins and which today's
# TensorFlow cannot import. Its one use is the entropy of Bernoulli pixels in
# `methods/shared/losses.py`.


class Bernoulli:
    """The part of `tfp.distributions.Bernoulli` that the library uses."""

    def __init__(self, probs):
        """Creates independent Bernoulli variables.

        Args:
            probs: Tensor of probabilities of 1, each inside (0, 1).
        """
        import tensorflow.compat.v1 as tf

        self.logits = tf.log(probs) - tf.log1p(-probs)

    def entropy(self):
        """Returns the entropies in nats, a tensor of the shape of `probs`.

        From the logits, as 0.7 computes it, so that losses agree to the last bits.
        """
        import tensorflow.compat.v1 as tf

        logits = self.logits
        return -logits * (tf.sigmoid(logits) - 1) + tf.nn.softplus(-logits)


distributions = types.SimpleNamespace(Bernoulli=Bernoulli)

# The standard library and setuptools.


def copy_tree(src, dst):
    """Stands in for that of `distutils.dir_util` (gone from Python 3.12 on).

    The original remembers which folders it has made and fails when one of them has
    been deleted since; this one looks.

    Args:
        src: Folder whose contents are copied.
        dst: Folder that they are copied into.
    """
    shutil.copytree(src, dst, dirs_exist_ok=True)


def resource_filename(package, path):
    """Stands in for that of `pkg_resources` (gone from setuptools 82 on).

    Args:
        package: Name of an installed package.
        path: Path of a file or folder inside it.

    Returns:
        Its whole path.
    """
    origin = importlib.util.find_spec(package).origin
    return os.path.join(os.path.dirname(origin), path)


def resource_isdir(package, path):
    """Tells whether a path inside an installed package is a folder."""
    return os.path.isdir(resource_filename(package, path))


def resource_listdir(package, path):
    """Lists a folder inside an installed package."""
    return os.listdir(resource_filename(package, path))


# Pictures and SciPy.


def restore_antialias(image_module):
    """Puts back `PIL.Image.ANTIALIAS`, which always meant LANCZOS (Pillow >= 10)."""
    if not hasattr(image_module, "ANTIALIAS"):
        image_module.ANTIALIAS = image_module.Resampling.LANCZOS


def write_float_frames(visualize_util):
    """Has the library's animations written as before (imageio >= 2.28).

    The library gives floats in [0, 1] and frames per second; today's imageio takes
    bytes and milliseconds per frame. The animation goes round for ever, as older
    versions had it by themselves.
    """
    import imageio
    import numpy as np

    def mimwrite(path, frames, fps):
        frames = [np.uint8(np.round(255 * np.clip(frame, 0, 1))) for frame in frames]
        imageio.mimwrite(path, frames, duration=1000 / fps, loop=0)

    if parse_version(imageio.__version__) >= parse_version("2.28"):
        visualize_util.imageio = types.SimpleNamespace(mimwrite=mimwrite)


def restore_plot_dendrogram(hierarchy):
    """Puts back the private function that draws dendrograms for the library.

    SciPy >= 1.18 keeps it elsewhere.
    """
    if hasattr(hierarchy, "_plot_dendrogram"):
        return
    from scipy.cluster.hierarchy import _hierarchy_impl

    hierarchy._plot_dendrogram = _hierarchy_impl._plot_dendrogram
