# SPDX-License-Identifier: Apache-2.0
"""RTC-VAE: total correlation of samples and of means, brought together.

References:
    [1] RTC-VAE. https://arxiv.org/abs/2009.05739
    [2] H. Kim and A. Mnih. Disentangling by Factorising. ICML 2018.
        https://arxiv.org/abs/1802.05983
"""

import gin
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import losses, optimizers
from disentanglement_lib.methods.unsupervised import vae
from tensorflow.contrib import tpu as contrib_tpu

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio

LOG_STEPS = 100


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

    Raises:
        UserError: If beta or eta is negative or no number, or `permute_from` unknown.
    """

    def __init__(
        self,
        beta=gin.REQUIRED,
        eta=None,
        permute_from="same_batch",
        count_discriminator_step=False,
    ):
        self.beta = _check_weight("beta", beta)
        self.eta = _check_weight("eta", max(10.0, beta) if eta is None else eta)
        density_ratio.check_permutation(permute_from, batch_size=None)
        self.permute_from = permute_from
        self.count_discriminator_step = count_discriminator_step

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
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        data_shape = features.get_shape().as_list()[1:]
        z_mean, z_logvar = self.gaussian_encoder(features, is_training=is_training)
        z_sampled = self.sample_from_latent_distribution(z_mean, z_logvar)
        reconstructions = self.decode(z_sampled, data_shape, is_training)
        # The scope leaves the plain names to the summaries.
        with tf.name_scope("losses"):
            reconstruction_loss = tf.reduce_mean(
                losses.make_reconstruction_loss(features, reconstructions)
            )
            kl_loss = vae.compute_gaussian_kl(z_mean, z_logvar)
            penalty = variance_penalty(z_logvar)
            ratio = density_ratio.estimate(z_sampled, is_training, self.permute_from)
            regularizer = tf.add_n(
                [kl_loss, self.beta * ratio.total_correlation, self.eta * penalty]
            )
            loss = reconstruction_loss + regularizer
        scalars = {
            "reconstruction_loss": reconstruction_loss,
            "kl_loss": kl_loss,
            "elbo": -(reconstruction_loss + kl_loss),
            "regularizer": regularizer,
            "total_correlation": ratio.total_correlation,
            "variance_penalty": penalty,
            "discriminator_loss": ratio.discriminator_loss,
            "discriminator_accuracy": ratio.discriminator_accuracy,
        }
        if mode == tf.estimator.ModeKeys.TRAIN:
            _summarize(scalars, z_mean, z_logvar)
            train_op = density_ratio.alternate(
                loss,
                ratio.discriminator_loss,
                optimizers.make_vae_optimizer(),
                optimizers.make_discriminator_optimizer(),
                self.count_discriminator_step,
            )
            update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
            logged = ("reconstruction_loss", "kl_loss", "total_correlation")
            logging_hook = tf.train.LoggingTensorHook(
                {"loss": loss, **{name: scalars[name] for name in logged}},
                every_n_iter=LOG_STEPS,
            )
            return contrib_tpu.TPUEstimatorSpec(
                mode=mode,
                loss=loss,
                train_op=tf.group(train_op, update_ops),
                training_hooks=[logging_hook],
            )
        if mode == tf.estimator.ModeKeys.EVAL:
            return contrib_tpu.TPUEstimatorSpec(
                mode=mode,
                loss=loss,
                eval_metrics=(
                    _make_metrics,
                    {"scalars": scalars, "z_mean": z_mean, "z_logvar": z_logvar},
                ),
            )
        raise NotImplementedError(f"Mode {mode!r} is not supported.")


def variance_penalty(z_logvar):
    """Mean over the batch of the trace of the encoder's covariance [1, eq. 4].

    Args:
        z_logvar: Log variances of the encoder, shape [batch_size, num_latents].

    Returns:
        Scalar: mean over the batch of sum_k exp(z_logvar_k), > 0.
    """
    return tf.reduce_mean(tf.reduce_sum(tf.exp(z_logvar), axis=1))


def _check_weight(name, value):
    try:
        is_valid = 0 <= value < float("inf")
    except TypeError:
        is_valid = False
    if not is_valid:
        raise UserError(f"rtc_vae.{name} = {value!r}: must be a number >= 0.")
    return float(value)


def _summarize(scalars, z_mean, z_logvar):
    for name, value in scalars.items():
        tf.summary.scalar(name, value)
    noise = tf.reduce_mean(tf.exp(z_logvar), axis=0)
    signal = tf.math.reduce_variance(z_mean, axis=0)
    for k in range(z_mean.shape.as_list()[1]):
        tf.summary.scalar(f"noise_variance/{k}", noise[k])
        tf.summary.scalar(f"mean_variance/{k}", signal[k])


def _make_metrics(scalars, z_mean, z_logvar):
    """Returns metrics over the whole evaluation.

    Beside the scalars: 'noise_variance/k', E sigma_k^2, and 'mean_variance/k', Var
    mu_k over all images, not within the batch.
    """
    metrics = {name: tf.metrics.mean(value) for name, value in scalars.items()}
    for k in range(z_mean.shape.as_list()[1]):
        metrics[f"noise_variance/{k}"] = tf.metrics.mean(tf.exp(z_logvar[:, k]))
        metrics[f"mean_variance/{k}"] = _streaming_variance(z_mean[:, k])
    return metrics


def _streaming_variance(values):
    mean, update_mean = tf.metrics.mean(values)
    square, update_square = tf.metrics.mean(tf.square(values))
    return square - tf.square(mean), tf.group(update_mean, update_square)
