# SPDX-License-Identifier: Apache-2.0
"""TensorFlow: the library was written for 1.14."""

import sys


def disable_v2_behavior(tensorflow):
    """Gives back graphs and sessions (every TensorFlow 2).

    Raises:
        RuntimeError: If eager operations have run before the library was imported.
    """
    logger = tensorflow.get_logger()
    level = logger.level
    # It warns that variables of the old kind will go; the library has no others.
    logger.setLevel("ERROR")
    try:
        tensorflow.compat.v1.disable_v2_behavior()
    except ValueError as error:
        raise RuntimeError(
            "disentanglement_lib builds TensorFlow 1 graphs: import it before the "
            "first TensorFlow operation runs."
        ) from error
    finally:
        logger.setLevel(level)


def restore_estimator(tensorflow):
    """Puts back what gin, tensorflow_hub and the library take from `tf.estimator`.

    For TensorFlow >= 2.16, which has no Estimator.
    """
    if hasattr(tensorflow.compat.v1, "estimator"):
        return
    from rtc_plugin.compat import estimator

    tensorflow.estimator = estimator
    tensorflow.compat.v1.estimator = estimator
    sys.modules.setdefault("tensorflow.estimator", estimator)
