# SPDX-License-Identifier: Apache-2.0
"""The paper's networks have the shapes and weights of its table 2."""

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures as stock

from rtc_plugin.errors import UserError
from rtc_plugin.methods import architectures


@pytest.fixture(autouse=True)
def graph():
    gin.clear_config()
    with tf.Graph().as_default() as graph:
        yield graph
    gin.clear_config()


def read_kernels(scope):
    """Returns (height, width, inputs, outputs) of each layer, as the table lists it."""
    return [
        tuple(variable.shape.as_list())
        for variable in tf.trainable_variables(scope)
        if "kernel" in variable.name
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_encoder_is_that_of_the_table(channels):
    gin.parse_config("encoder.encoder_fn = @paper_encoder\nencoder.num_latent = 10")
    images = tf.zeros([5, 64, 64, channels])
    means, log_var = stock.make_gaussian_encoder(images)
    assert means.shape.as_list() == log_var.shape.as_list() == [5, 10]
    assert read_kernels("encoder") == [
        (4, 4, channels, 32),
        (4, 4, 32, 64),
        (4, 4, 64, 64),
        (4, 4, 64, 64),
        (4, 4, 64, 512),
        (1, 1, 512, 10),
        (1, 1, 512, 10),
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_decoder_is_that_of_the_table(channels):
    gin.parse_config("decoder.decoder_fn = @paper_decoder")
    images = stock.make_decoder(tf.zeros([5, 10]), [64, 64, channels])
    assert images.shape.as_list()[1:] == [64, 64, channels]
    # Kernels of transposed convolutions list the outputs first.
    assert read_kernels("decoder") == [
        (1, 1, 512, 10),
        (4, 4, 64, 512),
        (4, 4, 64, 64),
        (4, 4, 32, 64),
        (4, 4, 32, 32),
        (4, 4, channels, 32),
    ]


def test_decoder_s_last_layer_is_linear():
    """A rectifier would leave no pixel below one half, whatever the codes."""
    codes = tf.constant(np.random.RandomState(0).randn(4, 10), tf.float32)
    logits = architectures.paper_decoder(codes, [64, 64, 1])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(logits).min() < 0


def test_other_image_sizes_are_refused():
    with pytest.raises(UserError, match="paper_encoder takes images of 64x64"):
        architectures.paper_encoder(tf.zeros([5, 32, 64, 1]), 10)
    with pytest.raises(UserError, match="paper_decoder takes images of 64x64"):
        architectures.paper_decoder(tf.zeros([5, 10]), [64, 32, 1])
