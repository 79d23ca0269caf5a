# SPDX-License-Identifier: Apache-2.0
"""What a metric needs beyond the mean: the whole Gaussian of every encoding."""

import gin.tf
import tensorflow.compat.v1 as tf


@gin.configurable(
    "mean_and_logvar_representation",
    blacklist=["ground_truth_data", "gaussian_encoder", "random_state", "save_path"],
)
def mean_and_logvar_representation(
    ground_truth_data, gaussian_encoder, random_state, save_path
):
    """Extracts mean and log variance together, so that one pass gives both.

    The representation has shape [batch_size, 2, num_latent]: the means, then the log
    variances. Its rank tells it apart from any other representation, so that the
    plugin's metrics know it when they see it, and the library's own metrics, which
    would take log variances for latents, stop at it.

    Args:
        ground_truth_data: Unused.
        gaussian_encoder: Unused.
        random_state: Unused.
        save_path: Unused.

    Returns:
        transform_fn: Function that takes the tensors "mean" and "logvar" and returns
            the representation.
        None, as no variables are saved.
    """
    del ground_truth_data, gaussian_encoder, random_state, save_path

    def transform_fn(mean, logvar):
        return tf.stack([mean, logvar], axis=1)

    return transform_fn, None
