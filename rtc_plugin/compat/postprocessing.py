# SPDX-License-Identifier: Apache-2.0
"""The library's postprocessing methods."""

import inspect

import tensorflow.compat.v1 as tf


def seed_sampled_representation(methods):
    """Has `sampled_representation` follow `postprocess.random_seed`.

    The library hands the function a random state and drops it, so that two runs of one
    configuration give two representations. The seed becomes part of the module: each
    session that loads it draws the same noise in the same order.
    """
    stock = inspect.unwrap(methods.sampled_representation)
    methods._seeded_transform = _seeded_transform
    stock.__code__ = _sampled_representation.__code__


def _sampled_representation(
    ground_truth_data, gaussian_encoder, random_state, save_path
):
    return _seeded_transform(random_state), None  # noqa: F821


def _seeded_transform(random_state):
    seed = random_state.randint(2**31 - 1)

    def transform_fn(mean, logvar):
        noise = tf.random_normal(tf.shape(mean), seed=seed)
        return tf.add(mean, tf.exp(logvar / 2) * noise)

    return transform_fn
