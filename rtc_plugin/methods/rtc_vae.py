# SPDX-License-Identifier: Apache-2.0
"""RTC-VAE: total correlation of samples and of means, brought together.

References:
    [1] RTC-VAE. https://arxiv.org/abs/2009.05739
    [2] H. Kim and A. Mnih. Disentangling by Factorising. ICML 2018.
        https://arxiv.org/abs/1802.05983
"""

import gin
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.methods import density_ratio
from rtc_plugin.training import graph


@gin.configurable("rtc_vae")
class RTCVAE(vae.BaseVAE):
    """FactorVAE with a penalty on the noise of the codes [1, eq. 4].

    Minimises

        reconstruction + KL + beta * TC(z) + eta * E_x[sum_k sigma_k(x)^2],

    with TC by the density ratio [2]. The paper prints eq. 6 without its logarithm and
    eq. 4 with the signs of a maximisation; this is the form that is meant.

    What the penalty does, exactly: at z' = sqrt(1 + 2 eta) z, which decoder and
    discriminator absorb, the loss is FactorVAE's with the term mu'^2 of the KL weighted
    by 1 / (1 + 2 eta), plus a constant. It widens the prior of the means. So a latent
    that carries nothing ends at sigma^2 = 1 / (1 + 2 eta) and KL > 0, not at 1 and 0,
    and z ~ N(0, I) is not what the decoder was trained on.

    Args:
        beta: Weight of the total correlation, >= 0. FactorVAE's gamma; the library's
            `beta_tc_vae.beta` is this plus one.
        eta: Weight of the variance penalty, >= 0; max(10, beta) if None, as in [1].
        permute_from: 'same_batch' or 'second_half', see `density_ratio.estimate`.
        count_discriminator_step: Whether an update of the discriminator counts as a
            training step. The library's FactorVAE counts it and so makes half of
            `training_steps` updates; True makes as many here, for comparisons.
        discriminator_steps: Updates of the discriminator per update of the model, see
            `graph.alternate`.

    Raises:
        UserError: If beta or eta is negative or no number, `permute_from` unknown, or
            discriminator_steps no count.
    """

    def __init__(
        self,
        beta=gin.REQUIRED,
        eta=None,
        permute_from="same_batch",
        count_discriminator_step=False,
        discriminator_steps=1,
    ):
        self.beta = graph.check_weight("rtc_vae.beta", beta)
        self.eta = graph.check_weight(
            "rtc_vae.eta", max(10.0, beta) if eta is None else eta
        )
        density_ratio.check_permutation(permute_from, batch_size=None)
        self.permute_from = permute_from
        self.count_discriminator_step = count_discriminator_step
        self.discriminator_steps = density_ratio.check_steps(
            "rtc_vae.discriminator_steps", discriminator_steps
        )

    def model_fn(self, features, labels, mode, params):
        """Model function for training and evaluation.

        Args:
            features: Images, tensor of shape [batch_size, height, width, channels].
            labels: Not used.
            mode: A `tf.estimator.ModeKeys`, TRAIN or EVAL.
            params: Not used.

        Returns:
            `TPUEstimatorSpec`.

        Raises:
            UserError: If the batch is too small to be permuted.
        """
        density_ratio.check_permutation(
            self.permute_from, features.get_shape().as_list()[0]
        )
        return graph.model_fn(
            self,
            features,
            mode,
            self._penalize,
            count_both=self.count_discriminator_step,
            discriminator_steps=self.discriminator_steps,
        )

    def _penalize(self, kl_loss, z_mean, z_logvar, z_sampled, is_training):
        """Returns the loss beside the reconstruction, see `graph.model_fn`."""
        del z_mean
        penalty = variance_penalty(z_logvar)
        ratio = density_ratio.estimate(
            z_sampled, is_training, self.permute_from, self.discriminator_steps
        )
        regularizer = tf.add_n(
            [kl_loss, self.beta * ratio.total_correlation, self.eta * penalty]
        )
        terms = {
            "total_correlation": ratio.total_correlation,
            "variance_penalty": penalty,
        }
        return regularizer, terms, ratio


def variance_penalty(z_logvar):
    """Mean over the batch of the trace of the encoder's covariance [1, eq. 4].

    Args:
        z_logvar: Log variances of the encoder, shape [batch_size, num_latents].

    Returns:
        Scalar: mean over the batch of sum_k exp(z_logvar_k), > 0.
    """
    return tf.reduce_mean(tf.reduce_sum(tf.exp(z_logvar), axis=1))
