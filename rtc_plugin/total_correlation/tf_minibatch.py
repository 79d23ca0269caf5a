# SPDX-License-Identifier: Apache-2.0
"""The minibatch forms of total correlation as TensorFlow operations, for training.

The formulas, and what they can and cannot see, are in `batch`; the two agree to 1e-5
in float32. The [batch_size, batch_size, num_latent] table is held, as in the library,
because its gradient needs it.
"""

import math

import tensorflow.compat.v1 as tf

from rtc_plugin.total_correlation import batch


def minibatch(z, z_mean, z_logvar, estimator, dataset_size=None):
    """Returns a minibatch estimate of total correlation, in nats.

    Args:
        z: [batch_size, num_latent] tensor, one sample of each encoding.
        z_mean: [batch_size, num_latent] tensor, means of the encodings.
        z_logvar: [batch_size, num_latent] tensor, log variances of the encodings.
        estimator: One of `total_correlation.ESTIMATORS`.
        dataset_size: Python integer; mws, mss0, mss1 and mss_sym need it. A batch
            larger than it stops the session with an error.

    Returns:
        Scalar tensor of z's type.

    Raises:
        ValueError: An unknown estimator, or dataset_size is missing.
    """
    log_joint, log_marginals = minibatch_log_densities(
        z, z_mean, z_logvar, estimator, dataset_size
    )
    return tf.reduce_mean(log_joint - tf.reduce_sum(log_marginals, axis=1))


def minibatch_log_densities(z, z_mean, z_logvar, estimator, dataset_size=None):
    """Returns estimates of log q(z_i) and log q(z_ik).

    Args and errors are those of `minibatch`.

    Returns:
        Tensors [batch_size] and [batch_size, num_latent].
    """
    log_weights = _log_weights(z, estimator, dataset_size)
    log_q = -0.5 * (
        math.log(2.0 * math.pi)
        + z_logvar[None]
        + tf.square(z[:, None] - z_mean[None]) * tf.exp(-z_logvar[None])
    )
    log_joint = tf.reduce_logsumexp(tf.reduce_sum(log_q, axis=2) + log_weights, axis=1)
    log_marginals = tf.reduce_logsumexp(log_q + log_weights[:, :, None], axis=1)
    return log_joint, log_marginals


def _log_weights(z, estimator, dataset_size):
    """Returns log w_ij, [batch_size, batch_size]."""
    batch.minibatch_weights(2, estimator, dataset_size)  # Checks the arguments.

    def weights(batch_size):
        return batch.minibatch_weights(int(batch_size), estimator, dataset_size).dense()

    # Made as the graph runs: the batch size may be known only then, and a constant of
    # its square has no place in a saved graph.
    weights = tf.numpy_function(weights, [tf.shape(z)[0]], tf.float64)
    weights.set_shape([z.shape[0], z.shape[0]])
    return tf.log(tf.cast(weights, z.dtype))
