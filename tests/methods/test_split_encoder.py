# SPDX-License-Identifier: Apache-2.0
"""split_encoder: one trunk, and a tower for each latent."""

import gin
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures as stock

from rtc_plugin.errors import UserError
from rtc_plugin.methods import architectures  # noqa: F401


@pytest.fixture(autouse=True)
def configuration():
    gin.clear_config()
    gin.parse_config(
        "encoder.encoder_fn = @split_encoder\nsplit_encoder.tower_units = 5"
    )
    with tf.Graph().as_default():
        yield
    gin.clear_config()


def test_layers_have_their_shapes():
    gin.parse_config("encoder.num_latent = 3")
    means, log_var = stock.make_gaussian_encoder(tf.zeros([2, 64, 64, 1]))
    assert means.shape.as_list() == log_var.shape.as_list() == [2, 3]
    kernels = {
        variable.name.split("/")[1]: variable.shape.as_list()
        for variable in tf.trainable_variables("encoder")
        if "kernel" in variable.name
    }
    assert kernels == {
        "e1": [4, 4, 1, 32],
        "e2": [4, 4, 32, 64],
        "e3": [4, 4, 64, 64],
        "e4": [4, 4, 64, 64],
        **{f"tower{k}": [1024, 5] for k in range(3)},
        **{f"latent{k}": [5, 2] for k in range(3)},
    }


def test_towers_share_nothing():
    gin.parse_config("encoder.num_latent = 3\nsplit_encoder.tower_units = 32")
    tf.set_random_seed(0)
    images = tf.random_uniform([2, 64, 64, 3], seed=0)
    means, _ = stock.make_gaussian_encoder(images)
    towers = [tf.trainable_variables(f"encoder/tower{k}/kernel")[0] for k in range(3)]
    gradients = tf.gradients(means[:, 1], towers)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        gradients = session.run(gradients)
    assert [bool(gradient.any()) for gradient in gradients] == [False, True, False]


def test_images_of_another_size_are_refused():
    with pytest.raises(UserError, match="split_encoder takes images of 64x64"):
        architectures.split_encoder(tf.zeros([2, 32, 32, 1]), 3)


def test_a_tower_without_units_is_refused():
    with pytest.raises(UserError, match="split_encoder.tower_units = 0: must be"):
        architectures.split_encoder(tf.zeros([2, 64, 64, 1]), 3, tower_units=0)
