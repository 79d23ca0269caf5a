# SPDX-License-Identifier: Apache-2.0
"""What the plugin's models share: the way from images to a training step.

The operations are made in the order of the library's own models, so that the same seed
gives the same initial weights and the same noise.
"""

import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import losses, optimizers
from disentanglement_lib.methods.unsupervised import vae
from tensorflow.contrib import tpu as contrib_tpu

from rtc_plugin.errors import UserError

LOG_STEPS = 100


def model_fn(model, features, mode, penalize, **options):
    """Builds a model that minimises reconstruction loss plus penalty.

    Args:
        model: The library's `BaseVAE`; gives encoder, noise and decoder.
        features: Images, tensor of shape [batch_size, height, width, channels].
        mode: A `tf.estimator.ModeKeys`, TRAIN or EVAL.
        penalize: Function of (kl_loss, z_mean, z_logvar, z_sampled, is_training) that
            returns the penalty, a scalar in nats, a dictionary of further scalars to
            report, and the `density_ratio.DensityRatio` whose discriminator is to be
            trained, or None.
        **options: How a discriminator is trained, see `alternate`.

    Returns:
        `TPUEstimatorSpec`. All scalars, E sigma_k^2 as 'noise_variance/k' and Var mu_k
        as 'mean_variance/k' are summaries of training and results of evaluation.
    """
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    data_shape = features.get_shape().as_list()[1:]
    z_mean, z_logvar = model.gaussian_encoder(features, is_training=is_training)
    z_sampled = model.sample_from_latent_distribution(z_mean, z_logvar)
    reconstructions = model.decode(z_sampled, data_shape, is_training)
    # The scope leaves the plain names to the summaries.
    with tf.name_scope("losses"):
        reconstruction_loss = tf.reduce_mean(
            losses.make_reconstruction_loss(features, reconstructions)
        )
        kl_loss = vae.compute_gaussian_kl(z_mean, z_logvar)
        regularizer, terms, ratio = penalize(
            kl_loss, z_mean, z_logvar, z_sampled, is_training
        )
        loss = reconstruction_loss + regularizer
    scalars = {
        "reconstruction_loss": reconstruction_loss,
        "kl_loss": kl_loss,
        "elbo": -(reconstruction_loss + kl_loss),
        "regularizer": regularizer,
        **terms,
    }
    if ratio is not None:
        scalars["discriminator_loss"] = ratio.discriminator_loss
        scalars["discriminator_accuracy"] = ratio.discriminator_accuracy
    if mode == tf.estimator.ModeKeys.TRAIN:
        _summarize(scalars, z_mean, z_logvar)
        if ratio is None:
            train_op = optimizers.make_vae_optimizer().minimize(
                loss, global_step=tf.train.get_global_step()
            )
        else:
            train_op = alternate(
                loss,
                ratio,
                optimizers.make_vae_optimizer(),
                optimizers.make_discriminator_optimizer(),
                **options,
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
                make_metrics,
                {"scalars": scalars, "z_mean": z_mean, "z_logvar": z_logvar},
            ),
        )
    raise NotImplementedError(f"Mode {mode!r} is not supported.")


def split_variables():
    """Returns the trainable variables of the model and of the discriminator.

    Returns:
        Pair of lists. The discriminator's are those of the library's variable scope of
        that name; all others are the model's.
    """
    discriminator = [
        variable
        for variable in tf.trainable_variables()
        if "discriminator" in variable.name.split("/")
    ]
    names = {variable.name for variable in discriminator}
    model = [v for v in tf.trainable_variables() if v.name not in names]
    return model, discriminator


def alternate(
    model_loss,
    ratio,
    model_optimizer,
    discriminator_optimizer,
    count_both=False,
    discriminator_steps=1,
):
    """Trains a model and its discriminator, each on its own loss and variables.

    The gradients of the model and of the discriminator's first update are taken at the
    same weights; without that, which weights a gradient sees would depend on which of
    the two updates happens to be first.

    Args:
        model_loss: Scalar, minimised with respect to all but the discriminator.
        ratio: `density_ratio.DensityRatio`, made for as many `discriminator_steps`.
        model_optimizer: A `tf.train.Optimizer`.
        discriminator_optimizer: A `tf.train.Optimizer`.
        count_both: Whether the discriminator's (first) update counts as a global step
            of its own, as in the library's FactorVAE.
        discriminator_steps: Updates of the discriminator per update of the model, from
            1 on; all see the batch's codes from before its update, each permuted anew.

    Returns:
        Operation that makes these updates.
    """
    global_step = tf.train.get_global_step()
    model_variables, discriminator_variables = split_variables()
    model_gradients = model_optimizer.compute_gradients(
        model_loss, var_list=model_variables
    )
    discriminator_gradients = discriminator_optimizer.compute_gradients(
        ratio.discriminator_loss, var_list=discriminator_variables
    )
    gradients = [
        gradient
        for gradient, _ in model_gradients + discriminator_gradients
        if gradient is not None
    ]
    with tf.control_dependencies(gradients):
        train_model = model_optimizer.apply_gradients(
            model_gradients, global_step=global_step
        )
    with tf.control_dependencies([train_model]):
        update = discriminator_optimizer.apply_gradients(
            discriminator_gradients, global_step=global_step if count_both else None
        )
    for _ in range(discriminator_steps - 1):
        with tf.control_dependencies([update]):
            update = discriminator_optimizer.apply_gradients(
                discriminator_optimizer.compute_gradients(
                    ratio.make_discriminator_loss(), var_list=discriminator_variables
                )
            )
    return update


def check_weight(name, value):
    """Returns the weight of a penalty as a float.

    Args:
        name: Its gin binding, such as 'rtc_vae.beta'.
        value: What it is bound to.

    Raises:
        UserError: If it is no finite number from 0 on.
    """
    try:
        is_valid = 0 <= value < float("inf")
    except TypeError:
        is_valid = False
    if not is_valid:
        raise UserError(f"{name} = {value!r}: must be a number >= 0.")
    return float(value)


def make_metrics(scalars, z_mean, z_logvar):
    """Returns metrics over the whole evaluation.

    Args:
        scalars: Dictionary of scalars, each of which is averaged.
        z_mean: Means of the encoder, shape [batch_size, num_latents].
        z_logvar: Log variances of the encoder, shape [batch_size, num_latents].

    Returns:
        Dictionary of pairs (value, update operation). Beside the scalars:
        'noise_variance/k', E sigma_k^2, and 'mean_variance/k', Var mu_k over all
        images, not within the batch.
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


def _summarize(scalars, z_mean, z_logvar):
    for name, value in scalars.items():
        tf.summary.scalar(name, value)
    noise = tf.reduce_mean(tf.exp(z_logvar), axis=0)
    signal = tf.math.reduce_variance(z_mean, axis=0)
    for k in range(z_mean.shape.as_list()[1]):
        tf.summary.scalar(f"noise_variance/{k}", noise[k])
        tf.summary.scalar(f"mean_variance/{k}", signal[k])
