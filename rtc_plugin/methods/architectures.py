# SPDX-License-Identifier: Apache-2.0
"""The paper's networks, for gin's `encoder.encoder_fn` and `decoder.decoder_fn`.

References:
    [1] RTC-VAE, table 2. https://arxiv.org/abs/2009.05739
"""

import gin
import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError

IMAGE_SIZE = 64


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
    features = input_tensor
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
    features = tf.layers.conv2d(
        features, 512, kernel_size=4, activation=tf.nn.relu, name="e5"
    )
    means = tf.layers.conv2d(features, num_latent, kernel_size=1, name="means")
    log_var = tf.layers.conv2d(features, num_latent, kernel_size=1, name="log_var")
    return tf.layers.flatten(means), tf.layers.flatten(log_var)


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


def _check_image_shape(name, shape):
    if shape[:2] != [IMAGE_SIZE, IMAGE_SIZE]:
        raise UserError(
            f"{name} takes images of {IMAGE_SIZE}x{IMAGE_SIZE} pixels, not "
            f"{shape[0]}x{shape[1]}; bind another network to encoder.encoder_fn and "
            "decoder.decoder_fn."
        )
