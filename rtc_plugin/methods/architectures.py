# SPDX-License-Identifier: Apache-2.0
"""Networks for gin's `encoder.encoder_fn` and `decoder.decoder_fn`.

References:
    [1] RTC-VAE, table 2. https://arxiv.org/abs/2009.05739
    [2] Yang, Bi, Cheng, Yan. Bridging Disentanglement with Independence and Conditional
        Independence via Mutual Information for Representation Learning, 2019
        (abstract). https://arxiv.org/abs/1911.10922
"""

import gin
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures

from rtc_plugin.errors import UserError

IMAGE_SIZE = 64


@gin.configurable("networks", allowlist=["architecture"])
def networks(architecture="paper"):
    """Returns the encoder and the decoder of an architecture.

    With the files of gin/, which bind `encoder.encoder_fn` and `decoder.decoder_fn` to
    `encoder_network` and `decoder_network`, `networks.architecture` sets both at once.

    Args:
        architecture: 'paper' for `paper_encoder` and `paper_decoder`, table 2 of [1];
            'library' for `conv_encoder` and `deconv_decoder`, those of the library's
            study.

    Returns:
        Pair of functions with the arguments of `encoder_network` and `decoder_network`.

    Raises:
        UserError: If there is no such architecture.
    """
    known = {
        "paper": (paper_encoder, paper_decoder),
        "library": (architectures.conv_encoder, architectures.deconv_decoder),
    }
    if architecture not in known:
        raise UserError(
            f"networks.architecture = {architecture!r}: choose one of "
            f"{', '.join(map(repr, known))}, or bind encoder.encoder_fn and "
            "decoder.decoder_fn to networks of your own."
        )
    return known[architecture]


@gin.configurable("encoder_network", allowlist=[])
def encoder_network(input_tensor, num_latent, is_training=True):
    """The encoder of `networks`.

    Args:
        input_tensor: Images, tensor of shape [batch_size, 64, 64, num_channels].
        num_latent: Number of latent variables.
        is_training: Whether the graph is built for training.

    Returns:
        Pair of tensors (means, log variances), each [batch_size, num_latent].
    """
    return networks()[0](input_tensor, num_latent, is_training=is_training)


@gin.configurable("decoder_network", allowlist=[])
def decoder_network(latent_tensor, output_shape, is_training=True):
    """The decoder of `networks`.

    Args:
        latent_tensor: Codes, tensor of shape [batch_size, num_latent].
        output_shape: Shape of an image, [64, 64, num_channels].
        is_training: Whether the graph is built for training.

    Returns:
        Logits of the pixels, tensor of shape [batch_size, 64, 64, num_channels].
    """
    return networks()[1](latent_tensor, output_shape, is_training=is_training)


@gin.configurable("paper_encoder", allowlist=[])
def paper_encoder(input_tensor, num_latent, is_training=True):
    """Convolutional encoder of [1].

    Kernels of 4x4: 32, 64, 64, 64 filters with stride 2, then 512 without padding, each
    with ReLU; then 1x1 to mean and log variance. (The table gives the last layer
    `num_latent` outputs, half of what an encoder of mean and variance needs.)

    Args:
        input_tensor: Images, tensor of shape [batch_size, 64, 64, num_channels].
        num_latent: Number of latent variables.
        is_training: Not used.

    Returns:
        Pair of tensors (means, log variances), each [batch_size, num_latent].

    Raises:
        UserError: If the images are not of 64x64 pixels.
    """
    del is_training
    _check_image_shape("paper_encoder", input_tensor.shape.as_list()[1:])
    features = _shared_convolutions(input_tensor)
    features = tf.layers.conv2d(
        features, 512, kernel_size=4, activation=tf.nn.relu, name="e5"
    )
    means = tf.layers.conv2d(features, num_latent, kernel_size=1, name="means")
    log_var = tf.layers.conv2d(features, num_latent, kernel_size=1, name="log_var")
    return tf.layers.flatten(means), tf.layers.flatten(log_var)


@gin.configurable("split_encoder", allowlist=["tower_units"])
def split_encoder(input_tensor, num_latent, is_training=True, tower_units=64):
    """Encoder whose deeper layers no two latents share.

    The four strided convolutions of `paper_encoder`, then for each latent a tower of
    its own: one hidden layer with ReLU, and mean and log variance from that. Derived
    from the abstract of [2], which says that the deeper layers are split and no more;
    where they are split and how large they are is our choice.

    Args:
        input_tensor: Images, tensor of shape [batch_size, 64, 64, num_channels].
        num_latent: Number of latent variables.
        is_training: Not used.
        tower_units: Units of each tower's hidden layer.

    Returns:
        Pair of tensors (means, log variances), each [batch_size, num_latent].

    Raises:
        UserError: If the images are not of 64x64 pixels, or tower_units is no count.
    """
    del is_training
    if not isinstance(tower_units, int) or tower_units < 1:
        raise UserError(
            f"split_encoder.tower_units = {tower_units!r}: must be a number of units "
            "from 1 on."
        )
    _check_image_shape("split_encoder", input_tensor.shape.as_list()[1:])
    features = tf.layers.flatten(_shared_convolutions(input_tensor))
    outputs = []
    for k in range(num_latent):
        tower = tf.layers.dense(
            features, tower_units, activation=tf.nn.relu, name=f"tower{k}"
        )
        outputs.append(tf.layers.dense(tower, 2, name=f"latent{k}"))
    outputs = tf.stack(outputs, axis=1)
    return outputs[:, :, 0], outputs[:, :, 1]


@gin.configurable("paper_decoder", allowlist=[])
def paper_decoder(latent_tensor, output_shape, is_training=True):
    """Convolutional decoder of [1], the encoder's mirror image.

    Transposed convolutions: 1x1 with 512 filters, 4x4 with 64 without padding, then 4x4
    with stride 2 and 64, 32, 32 filters, each with ReLU; the last has one filter per
    channel and is linear. (The table says ReLU there too, which cannot be a likelihood
    of pixels in [0, 1].)

    Args:
        latent_tensor: Codes, tensor of shape [batch_size, num_latent].
        output_shape: Shape of an image, [64, 64, num_channels].
        is_training: Not used.

    Returns:
        Logits of the pixels, tensor of shape [batch_size, 64, 64, num_channels].

    Raises:
        UserError: If the images are not of 64x64 pixels.
    """
    del is_training
    _check_image_shape("paper_decoder", list(output_shape))
    features = latent_tensor[:, tf.newaxis, tf.newaxis, :]
    # Filters, kernel, stride, padding.
    layers = [(512, 1, 1, "valid"), (64, 4, 1, "valid")]
    layers += [(filters, 4, 2, "same") for filters in (64, 32, 32, output_shape[2])]
    for i, (filters, kernel_size, strides, padding) in enumerate(layers):
        is_last = i == len(layers) - 1
        features = tf.layers.conv2d_transpose(
            features,
            filters,
            kernel_size,
            strides,
            padding,
            activation=None if is_last else tf.nn.relu,
            name=f"d{i + 1}",
        )
    return features


def _shared_convolutions(images):
    """Returns features [batch_size, 4, 4, 64] of images [batch_size, 64, 64, .]."""
    features = images
    for i, filters in enumerate([32, 64, 64, 64]):
        features = tf.layers.conv2d(
            features,
            filters,
            kernel_size=4,
            strides=2,
            padding="same",
            activation=tf.nn.relu,
            name=f"e{i + 1}",
        )
    return features


def _check_image_shape(name, shape):
    if shape[:2] != [IMAGE_SIZE, IMAGE_SIZE]:
        raise UserError(
            f"{name} takes images of {IMAGE_SIZE}x{IMAGE_SIZE} pixels, not "
            f"{shape[0]}x{shape[1]}; bind another network to encoder.encoder_fn and "
            "decoder.decoder_fn."
        )
