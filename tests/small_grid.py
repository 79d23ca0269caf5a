# SPDX-License-Identifier: Apache-2.0
"""A small data set and an encoder without rounding, as the library's steps leave it.

Pixels are 0 and 1 and weights multiples of 1/64, so that a code is the same in
whatever order it is summed, and in whatever batch.
"""

import pathlib

import gin
import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from disentanglement_lib.postprocessing import postprocess

from rtc_plugin.data.ground_truth import factor_grid

GIN = pathlib.Path(__file__).parents[1] / "gin"
NAME = "small_grid"
NUM_LATENT = 5


class SmallGrid(factor_grid.FactorGrid):
    """Bars as long as the factors' values; the last factor is drawn."""

    factor_sizes = [5, 4, 6, 3, 2]
    latent_factor_indices = [0, 1, 2, 3]
    factor_names = ["a", "b", "c", "d"]
    observation_shape = [5, 6, 1]
    pixel_maximum = 1
    num_encoded = 0  # Counted in the class: each evaluation opens the data set anew.

    def images_at(self, indices):
        type(self).num_encoded += len(indices)
        factors = self.indices_to_factors(np.asarray(indices))
        images = np.arange(6) < factors[..., None]
        return images.astype(np.uint8)[..., None]


def make_model(folder, normalise=False, seed=0):
    """Writes what of a trained model is read: a module with the library's signature."""
    scales = np.repeat([1, 4], NUM_LATENT)
    weights = np.random.RandomState(seed).randint(-16, 17, size=(30, 2 * NUM_LATENT))

    def module_fn():
        images = tf.placeholder(tf.float32, [None, *SmallGrid.observation_shape])
        initial = tf.constant_initializer(weights / 16 / scales)
        kernel = tf.get_variable("kernel", weights.shape, initializer=initial)
        both = tf.matmul(tf.reshape(images, [-1, 30]), kernel)
        if normalise:
            both -= tf.reduce_mean(both, axis=0, keepdims=True)
        outputs = {"mean": both[:, :NUM_LATENT], "logvar": both[:, NUM_LATENT:]}
        hub.add_signature("gaussian_encoder", {"images": images}, outputs)

    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            module.export(str(folder / "tfhub"), session)
    (folder / "results" / "gin").mkdir(parents=True)
    (folder / "results" / "gin" / "train.gin").write_text(f"dataset.name = '{NAME}'\n")
    return folder


def represent(model, folder, name):
    """Extracts the representation `name` from a model, as dlib_postprocess does."""
    gin.clear_config()
    postprocess.postprocess_with_gin(
        str(model),
        str(folder),
        gin_config_files=[str(GIN / "postprocess" / f"{name}.gin")],
    )
    return folder
