# SPDX-License-Identifier: Apache-2.0
"""beta-TCVAE with a weight for each part of the KL and a choice of estimator.

References:
    [1] R. T. Q. Chen et al. Isolating Sources of Disentanglement in VAEs. NeurIPS 2018.
        Equation 4. https://arxiv.org/abs/1802.04942
    [2] RTC-VAE. https://arxiv.org/abs/2009.05739
"""

import math

import gin
import numpy as np
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio
from rtc_plugin.methods.rtc_vae import variance_penalty
from rtc_plugin.total_correlation import batch, tf_minibatch
from rtc_plugin.training import graph

DENSITY_RATIO = "density_ratio"
# Without leave_one_out: it has no lower bound, so a model that minimises it need only
# pull its codes apart.
ESTIMATORS = ("raw", "naive", "mws", "mss0", "mss1", "mss_sym", DENSITY_RATIO)


@gin.configurable("tc_vae")
class TCVAE(vae.BaseVAE):
    """VAE with a weight for each part of the KL [1, eq. 4], and RTC's penalty [2].

    Minimises, in nats,

        reconstruction + alpha * I(z;n) + beta * TC(z)
            + gamma * sum_k KL(q(z_k)||p(z_k)) + eta * E_x[sum_k sigma_k(x)^2],

    where n is the number of the image. The three parts add up to the KL of the VAE,
    which is known in closed form, so what is computed is

        gamma * KL + (alpha - gamma) * I(z;n) + (beta - gamma) * TC(z),

    the same in expectation with less noise. With alpha = gamma = 1 and the estimator
    raw this is the library's `beta_tc_vae` of the same beta, to rounding.

    Mind what beta counts: here, as in [1] and in the library, beta = 1 is the plain VAE
    and `rtc_vae.beta = b` or `factor_vae.gamma = b` is beta = b + 1. RTC-VAE is
    alpha = gamma = 1, beta = b + 1, estimator 'density_ratio' and eta = max(10, b).

    Estimators are those of `total_correlation.batch`, whose docstring says what they
    cannot see: as soon as the latents one by one carry more information than the
    logarithm of the batch size, a minibatch estimate no longer reacts to total
    correlation, and minimising it shuts latents down. 'density_ratio' trains a
    discriminator, see `density_ratio`; I(z;n) then comes from the naive estimate of the
    marginals, which are one-dimensional, and the discriminator's TC. raw and mws lack
    the constants that would make their values estimates; gradients do not mind.

    Args:
        beta: Weight of the total correlation, >= 0.
        alpha: Weight of the index-code mutual information, >= 0.
        gamma: Weight of the dimension-wise KL, >= 0.
        estimator: 'raw', 'naive', 'mws', 'mss0', 'mss1', 'mss_sym' or 'density_ratio'.
        dataset_size: Number of images behind mws, mss0, mss1 and mss_sym; that of the
            training data if None.
        eta: Weight of the variance penalty, >= 0.
        permute_from: For 'density_ratio', see `density_ratio.estimate`.
        discriminator_steps: For 'density_ratio', updates of the discriminator per
            update of the model, see `graph.alternate`.

    Raises:
        UserError: If a weight is negative or no number, or if there is no such
            estimator, size, `permute_from` or number of steps.
    """

    def __init__(
        self,
        beta=gin.REQUIRED,
        alpha=1.0,
        gamma=1.0,
        estimator="raw",
        dataset_size=None,
        eta=0.0,
        permute_from="same_batch",
        discriminator_steps=1,
    ):
        self.beta = graph.check_weight("tc_vae.beta", beta)
        self.alpha = graph.check_weight("tc_vae.alpha", alpha)
        self.gamma = graph.check_weight("tc_vae.gamma", gamma)
        self.eta = graph.check_weight("tc_vae.eta", eta)
        if estimator not in ESTIMATORS:
            raise UserError(
                f"tc_vae.estimator = {estimator!r}: choose one of "
                f"{', '.join(map(repr, ESTIMATORS))}."
            )
        self.estimator = estimator
        if dataset_size is not None:
            is_count = isinstance(dataset_size, (int, np.integer)) and dataset_size > 0
            if not is_count or isinstance(dataset_size, bool):
                raise UserError(
                    f"tc_vae.dataset_size = {dataset_size!r}: must be a number of "
                    "images, or None for that of the training data."
                )
        self.dataset_size = dataset_size
        density_ratio.check_permutation(permute_from, batch_size=None)
        self.permute_from = permute_from
        self.discriminator_steps = density_ratio.check_steps(
            "tc_vae.discriminator_steps", discriminator_steps
        )

    def model_fn(self, features, labels, mode, params):
        """Model function for training and evaluation.

        Args:
            features: Images, tensor of shape [batch_size, height, width, channels].
            labels: Not used.
            mode: A `tf.estimator.ModeKeys`, TRAIN or EVAL.
            params: Its 'ground_truth_data', if any, gives the size of the data set.

        Returns:
            `TPUEstimatorSpec`.

        Raises:
            UserError: If the size of the data set is not known, or the batch is too
                small or larger than that.
        """
        batch_size = features.get_shape().as_list()[0]
        dataset_size = self._find_dataset_size(batch_size, params)

        def penalize(kl_loss, z_mean, z_logvar, z_sampled, is_training):
            return self._penalize(
                kl_loss, z_mean, z_logvar, z_sampled, is_training, dataset_size
            )

        if self.estimator == DENSITY_RATIO:
            density_ratio.check_permutation(self.permute_from, batch_size)
        return graph.model_fn(
            self,
            features,
            mode,
            penalize,
            discriminator_steps=self.discriminator_steps,
        )

    def _find_dataset_size(self, batch_size, params):
        """Returns the size of the data set, None if the estimator needs none."""
        if self.estimator == DENSITY_RATIO:
            return None
        if batch_size is not None and batch_size < 2:
            raise UserError(
                f"model.batch_size = {batch_size}: tc_vae.estimator = "
                f"{self.estimator!r} compares codes within the batch, which takes at "
                "least 2."
            )
        if self.estimator not in batch.NEED_DATASET_SIZE:
            return None
        size = self.dataset_size or count_images(params.get("ground_truth_data"))
        if size is None:
            raise UserError(
                f"tc_vae.estimator = {self.estimator!r} needs the number of images, "
                "which the training data does not tell; bind tc_vae.dataset_size."
            )
        if batch_size is not None and batch_size > size:
            raise UserError(
                f"model.batch_size = {batch_size} is larger than the data set of "
                f"{size} images; tc_vae.estimator = {self.estimator!r} takes batches "
                "up to its size."
            )
        return size

    def _penalize(
        self, kl_loss, z_mean, z_logvar, z_sampled, is_training, dataset_size
    ):
        """Returns the loss beside the reconstruction, see `graph.model_fn`."""
        terms = {"variance_penalty": variance_penalty(z_logvar)}
        marginals = ratio = None
        if self.estimator == DENSITY_RATIO:
            ratio = density_ratio.estimate(
                z_sampled, is_training, self.permute_from, self.discriminator_steps
            )
            total_correlation = ratio.total_correlation
            if self.alpha != self.gamma:
                _, marginals = tf_minibatch.minibatch_log_densities(
                    z_sampled, z_mean, z_logvar, "naive"
                )
        else:
            joint, marginals = tf_minibatch.minibatch_log_densities(
                z_sampled, z_mean, z_logvar, self.estimator, dataset_size
            )
            total_correlation = tf.reduce_mean(joint - tf.reduce_sum(marginals, axis=1))
        terms["total_correlation"] = total_correlation
        penalties = [
            self.gamma * kl_loss,
            (self.beta - self.gamma) * total_correlation,
        ]
        if marginals is not None:
            information = index_code_information(
                z_sampled, z_mean, z_logvar, marginals, total_correlation
            )
            terms["index_code_information"] = information
            terms["dimension_wise_kl"] = kl_loss - information - total_correlation
            if self.alpha != self.gamma:
                penalties.append((self.alpha - self.gamma) * information)
        if self.eta:
            penalties.append(self.eta * terms["variance_penalty"])
        return tf.add_n(penalties), terms, ratio


def index_code_information(z, z_mean, z_logvar, log_marginals, total_correlation):
    """Estimates I(z;n) = E[log q(z|n) - sum_k log q(z_k)] - TC(z).

    Args:
        z: Samples of the encodings, shape [batch_size, num_latents].
        z_mean: Means of the encodings, same shape.
        z_logvar: Log variances of the encodings, same shape.
        log_marginals: Estimates of log q(z_k) at z, same shape.
        total_correlation: Estimate of TC(z), scalar.

    Returns:
        Scalar in nats.
    """
    log_conditionals = -0.5 * (
        math.log(2.0 * math.pi) + z_logvar + tf.square(z - z_mean) * tf.exp(-z_logvar)
    )
    sums = tf.reduce_sum(log_conditionals - log_marginals, axis=1)
    return tf.reduce_mean(sums) - total_correlation


def count_images(ground_truth_data):
    """Returns the number of images of a data set.

    Args:
        ground_truth_data: `GroundTruthData` or None.

    Returns:
        `num_images` if it has it (images may differ in more than the ground-truth
        factors), else the number of combinations of ground-truth factors; None without
        a data set.
    """
    if ground_truth_data is None:
        return None
    if hasattr(ground_truth_data, "num_images"):
        return int(ground_truth_data.num_images)
    return int(np.prod(ground_truth_data.factors_num_values, dtype=np.int64))
