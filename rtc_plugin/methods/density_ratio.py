# SPDX-License-Identifier: Apache-2.0
"""Total correlation by the density-ratio trick.

A discriminator tells samples of the aggregated posterior q(z) (class 0) from samples of
the product of its marginals (class 1), which permuting each latent over the batch
makes. With D the probability of class 0 that the optimal discriminator gives,

    TC = E_q(z)[log q(z) - sum_k log q(z_k)] = E_q(z)[log D(z) - log(1 - D(z))],

and the log ratio is the difference of the two logits. The estimate is as good as the
discriminator: it lags behind the encoder, knows of no dependence that the discriminator
has not learnt, and may be negative.

The discriminator is most of the arithmetic of an update, so codes and permuted codes
pass it as one batch, forwards once and backwards once. Both total correlation and the
discriminator's loss depend on a row through one number, its log ratio; their signals at
a row are multiples of each other all the way down, and one of them gives both. This
takes a discriminator that treats each row alone, as a function of a point must.

References:
    [1] H. Kim and A. Mnih. Disentangling by Factorising. ICML 2018. Equation 3,
        Algorithms 1 and 2, appendix A. https://arxiv.org/abs/1802.05983
"""

import dataclasses
from typing import Callable

import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.errors import UserError
from rtc_plugin.training import graph

PERMUTE_FROM = {"same_batch": 2, "second_half": 4}
"""Where permuted codes come from, and the smallest batch that can give them."""

# Nothing beside any row that counts, and far from where float32 ends, 1e-38.
SMALLEST_WEIGHT = 1e-20


@dataclasses.dataclass(frozen=True)
class DensityRatio:
    """What the discriminator says about a batch of codes; all tensors are scalars.

    Attributes:
        total_correlation: Estimate in nats, to be minimised by the encoder. Its
            gradient reaches z and, when training, not the discriminator's weights.
        discriminator_loss: Cross-entropy in nats, log 2 for a discriminator that knows
            nothing. Its gradient reaches nothing but the discriminator's weights.
        discriminator_accuracy: Share of the samples told right, in [0, 1].
        make_discriminator_loss: Function without arguments that returns the
            discriminator's loss for the same codes and new permutations.
    """

    total_correlation: tf.Tensor
    discriminator_loss: tf.Tensor
    discriminator_accuracy: tf.Tensor
    make_discriminator_loss: Callable[[], tf.Tensor]


def estimate(z, is_training, permute_from="same_batch", discriminator_steps=1):
    """Builds the discriminator (gin's `discriminator`) and what it says about z.

    Args:
        z: Codes, tensor of shape [batch_size, num_latents].
        is_training: Whether the graph is built for training.
        permute_from: 'same_batch' sets z against permutations of itself, as the library
            does. 'second_half' sets the first half of z against permutations of the
            second, so that the two are independent, as the two batches of [1],
            Algorithm 2, are; the estimate itself still uses all of z.
        discriminator_steps: Updates of the discriminator in `graph.alternate`.

    Returns:
        A `DensityRatio`.

    Raises:
        UserError: If `permute_from` is not known or the batch is too small for it.
    """
    num_codes = z.shape.as_list()[0]
    check_permutation(permute_from, num_codes)
    num_codes = num_codes or tf.shape(z)[0]
    codes = source = tf.stop_gradient(z)
    num_joint = num_codes
    if permute_from == "second_half":
        num_joint = num_codes // 2
        source = codes[num_joint : 2 * num_joint]

    def discriminate(*samples):
        rows = tf.concat(samples, axis=0)
        # Of the two kinds of variables, one has its value read once in a step; the
        # other, a resource, is read anew by each later update.
        with tf.variable_scope(
            tf.get_variable_scope(),
            reuse=tf.AUTO_REUSE,
            use_resource=True if discriminator_steps > 1 else None,
        ):
            return rows, architectures.make_discriminator(rows, is_training)[0]

    def make_discriminator_loss():
        _, logits = discriminate(codes[:num_joint], vae.shuffle_codes(source))
        ratios = log_ratio(logits)
        return discriminator_loss(ratios[:num_joint], ratios[num_joint:])

    rows, logits = discriminate(codes, vae.shuffle_codes(source))
    ratios = log_ratio(logits)
    ratio, ratio_permuted = ratios[:num_codes], ratios[num_codes:]
    accuracy = discriminator_accuracy(ratio[:num_joint], ratio_permuted)
    loss = discriminator_loss(ratio[:num_joint], ratio_permuted)
    if is_training:
        variables = graph.split_variables()[1]
        slopes, gradients = propagate_back(loss, logits, rows, variables)
        slopes = slopes[:num_codes]
        ratio = with_gradient(ratio, [z], lambda d: [d[:, tf.newaxis] * slopes])
        loss = with_gradient(loss, variables, lambda d: [d * g for g in gradients])
    return DensityRatio(
        total_correlation=tf.reduce_mean(ratio),
        discriminator_loss=loss,
        discriminator_accuracy=accuracy,
        make_discriminator_loss=make_discriminator_loss,
    )


def propagate_back(loss, logits, rows, variables):
    """Passes a discriminator backwards once, for its loss and for its log ratios.

    With w_i = d loss / d log_ratio_i, what arrives at row i is w_i times the slope of
    the log ratio there.

    Args:
        loss: Scalar that depends on each row through its log ratio.
        logits: What the discriminator made of the rows, shape [num_rows, 2].
        rows: Its input, shape [num_rows, num_latents], the classes in any order.
        variables: The discriminator's.

    Returns:
        Pair of the slopes d log_ratio_i / d rows_i, shape [num_rows, num_latents], and
        the list of the loss's gradients with respect to the variables.

    Raises:
        UserError: If the discriminator normalises over the batch.
    """
    if any("discriminator" in op.name for op in tf.get_collection("update_ops")):
        raise UserError(
            "discriminator.discriminator_fn normalises over the batch, and a density "
            "ratio is a function of one point; bind a network without."
        )
    (seeds,) = tf.gradients(loss, logits)
    weights = (seeds[:, 0] - seeds[:, 1]) / 2
    # A row that the loss does not see still has a slope.
    tiny = tf.fill(tf.shape(weights), SMALLEST_WEIGHT)
    weights = tf.where(tf.abs(weights) < tiny, tiny, weights)
    signal, *gradients = tf.gradients(
        log_ratio(logits), [rows, *variables], grad_ys=weights
    )
    return signal / weights[:, tf.newaxis], gradients


def with_gradient(value, tensors, pull_back):
    """Returns a tensor whose gradient is stated and not derived.

    Args:
        value: The tensor; of what it was made from, no gradient reaches anything.
        tensors: List of the tensors and variables that a gradient reaches.
        pull_back: Function from the gradient with respect to the value to the list of
            those with respect to the tensors.
    """

    @tf.custom_gradient
    def stated(*unused_tensors):
        return tf.stop_gradient(value), pull_back

    return stated(*tensors)


def check_steps(name, value):
    """Returns a number of updates of the discriminator.

    Args:
        name: Its gin binding, such as 'rtc_vae.discriminator_steps'.
        value: What it is bound to.

    Raises:
        UserError: If it is no integer from 1 on.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{name} = {value!r}: must be a number of steps from 1 on.")
    return value


def check_permutation(permute_from, batch_size):
    """Checks that codes can be permuted.

    Args:
        permute_from: See `estimate`.
        batch_size: Number of codes, None if it is not known.

    Raises:
        UserError: If `permute_from` is not known or the batch is too small for it.
    """
    if permute_from not in PERMUTE_FROM:
        raise UserError(
            f"permute_from = {permute_from!r}: choose one of "
            f"{', '.join(map(repr, PERMUTE_FROM))}."
        )
    smallest = PERMUTE_FROM[permute_from]
    if batch_size is not None and batch_size < smallest:
        raise UserError(
            f"model.batch_size = {batch_size}: the discriminator permutes codes over "
            f"the batch, which takes at least {smallest} (permute_from = "
            f"{permute_from!r})."
        )


def log_ratio(logits):
    """Returns log q(z) / prod_k q(z_k), of shape [batch_size], from logits [., 2]."""
    return logits[:, 0] - logits[:, 1]


def discriminator_loss(ratio_joint, ratio_permuted):
    """Cross-entropy of the discriminator, from logits, so that no gradient dies.

    (The library clips probabilities at 1e-6, beyond which the gradient is zero.)

    Args:
        ratio_joint: Log ratios at samples of q(z), shape [batch_size].
        ratio_permuted: Log ratios at samples of prod_k q(z_k), shape [batch_size].

    Returns:
        Scalar in nats: the mean over both classes, which have equal weight.
    """
    return 0.5 * (
        tf.reduce_mean(tf.nn.softplus(-ratio_joint))
        + tf.reduce_mean(tf.nn.softplus(ratio_permuted))
    )


def discriminator_accuracy(ratio_joint, ratio_permuted):
    """Share of the samples told right; one that knows nothing may give 1/2.

    Args:
        ratio_joint: Log ratios at samples of q(z), shape [batch_size].
        ratio_permuted: Log ratios at samples of prod_k q(z_k), shape [batch_size].

    Returns:
        Scalar in [0, 1]; both classes have equal weight, and a tie counts as wrong.
    """
    return 0.5 * (
        tf.reduce_mean(tf.to_float(ratio_joint > 0))
        + tf.reduce_mean(tf.to_float(ratio_permuted < 0))
    )
