# SPDX-License-Identifier: Apache-2.0
"""TensorFlow: the library was written for 1.14."""

import sys


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
