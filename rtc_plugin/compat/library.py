# SPDX-License-Identifier: Apache-2.0
"""Small patches of the library itself: its data sets and its representations."""

import inspect
import types

import tensorflow.compat.v1 as tf


def know_plugin_data(named_data):
    """Has `dataset.name` look among the plugin's data sets before the library's own.

    gin has registered the library's function by now, and callers hold gin's wrapper of
    it. What is replaced is therefore the code of the function itself.
    """
    from rtc_plugin.data.ground_truth import named_data as ours

    stock = inspect.unwrap(named_data.get_named_ground_truth_data)
    by_library = types.FunctionType(stock.__code__, stock.__globals__)

    def get_by_name(name):
        return by_library(name) if name == "dummy_data" else ours.open_data(name)

    stock.__globals__["_get_by_name"] = get_by_name
    stock.__code__ = _call_get_by_name.__code__


def _call_get_by_name(name):
    return _get_by_name(name)  # noqa: F821  (a global of the library's module)


def know_plugin_shapes3d(pgm_data):
    """Lets `dlib_reason` run on the plugin's Shapes3D and on its twin."""
    from rtc_plugin.data.ground_truth import shapes3d, shapes3d_rendered

    classes = (
        pgm_data.shapes3d.Shapes3D,
        shapes3d.Shapes3D,
        shapes3d_rendered.Shapes3DRendered,
    )
    pgm_data.shapes3d = types.SimpleNamespace(Shapes3D=classes)


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
