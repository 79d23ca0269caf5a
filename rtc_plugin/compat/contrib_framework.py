# SPDX-License-Identifier: Apache-2.0
"""Stands in for `tensorflow.contrib.framework` (gone from TensorFlow 2.0 on)."""

import tensorflow.compat.v1 as tf


def assign_from_checkpoint_fn(model_path, var_list):
    """Returns a function of a session that restores variables from a checkpoint.

    Args:
        model_path: Path of the checkpoint.
        var_list: Dictionary from names in the checkpoint to variables.
    """
    saver = tf.train.Saver(var_list)

    def restore(session):
        saver.restore(session, model_path)

    return restore
