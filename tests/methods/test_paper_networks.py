# SPDX-License-Identifier: Apache-2.0
"""The paper's networks have the shapes and weights of its table 2."""

from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures as stock

from rtc_plugin.errors import UserError
from rtc_plugin.methods import architectures

GIN = Path(__file__).parents[2] / "gin"


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


@pytest.mark.parametrize(
    ("architecture", "encoder", "decoder"),
    [
        ("paper", architectures.paper_encoder, architectures.paper_decoder),
        ("library", stock.conv_encoder, stock.deconv_decoder),
    ],
)
def test_one_binding_sets_both_networks(architecture, encoder, decoder):
    gin.parse_config_file(str(GIN / "models" / "betavae.gin"))
    with gin.unlock_config():
        gin.parse_config(f"networks.architecture = '{architecture}'")
    images = tf.zeros([5, 64, 64, 1])
    means, log_var = stock.make_gaussian_encoder(images)
    logits = stock.make_decoder(means, [64, 64, 1])
    built = read_shapes()
    saved = gin.operative_config_str()

    with tf.Graph().as_default():
        with tf.variable_scope("encoder"):
            expected_means, _ = encoder(tf.zeros([5, 64, 64, 1]), 10)
        with tf.variable_scope("decoder"):
            expected_logits = decoder(expected_means, [64, 64, 1])
        assert built == read_shapes()
    assert means.shape == log_var.shape == expected_means.shape
    assert logits.shape == expected_logits.shape

    # What a model saves of its configuration can be read again.
    gin.clear_config()
    gin.parse_config(saved)
    assert gin.query_parameter("networks.architecture") == architecture


def read_shapes():
    return {v.name: v.shape.as_list() for v in tf.trainable_variables()}


def test_an_unknown_architecture_is_refused():
    with pytest.raises(UserError, match="architecture = 'mine': choose one of 'paper'"):
        architectures.networks("mine")
