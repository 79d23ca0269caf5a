# SPDX-License-Identifier: Apache-2.0
"""Several updates of the discriminator per update of the library's FactorVAE."""

import functools

import gin
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio
from rtc_plugin.training import graph


@gin.configurable("discriminator_steps")
def discriminator_steps(model=gin.REQUIRED, steps=1):
    """Has FactorVAE update its discriminator several times per update of the model.

    In a gin file:

        model.model = @discriminator_steps()
        discriminator_steps.model = @factor_vae()
        discriminator_steps.steps = 5

    `rtc_vae` and `tc_vae` have a parameter of that name. As there, all updates see the
    batch's codes from before the model's update, each permuted anew, and the further
    ones count no training steps: FactorVAE makes half of `model.training_steps` updates
    whatever `steps` is. The loss is the library's.

    Args:
        model: The library's `factor_vae`, which may be given `correlated_gaussian`
            noise or a `tc_monitor`; it is changed.
        steps: Updates of the discriminator, from 1 on.

    Returns:
        The model. With one step it is as it was, and so are its numbers.

    Raises:
        UserError: If it is another model or steps is no count.
    """
    if not isinstance(model, vae.FactorVAE):
        raise UserError(
            "discriminator_steps.model must be @factor_vae(); of the others, "
            "rtc_vae.discriminator_steps and tc_vae.discriminator_steps do this."
        )
    if density_ratio.check_steps("discriminator_steps.steps", steps) == 1:
        return model
    stock_model_fn = model.model_fn

    @functools.wraps(stock_model_fn)
    def model_fn(features, labels, mode, params):
        if mode != tf.estimator.ModeKeys.TRAIN:
            return stock_model_fn(
                features=features, labels=labels, mode=mode, params=params
            )
        noted = _Noted(model, vae.optimizers)
        # A resource is read anew by each update, other variables once in a step.
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True), noted:
            spec = stock_model_fn(
                features=features, labels=labels, mode=mode, params=params
            )
            optimizer = noted.discriminator_optimizer
            for _ in range(steps - 1):
                with tf.control_dependencies([spec.train_op]):
                    spec.train_op = optimizer.apply_gradients(
                        optimizer.compute_gradients(
                            discriminator_loss(noted.z_sampled),
                            var_list=graph.split_variables()[1],
                        )
                    )
        return spec

    model.model_fn = model_fn
    return model


def discriminator_loss(z):
    """The library's loss of FactorVAE's discriminator, on a new permutation.

    Args:
        z: Codes, tensor of shape [batch_size, num_latents]; no gradient reaches them.

    Returns:
        Scalar in nats, the negative mean log probability of the right class.
    """
    z = tf.stop_gradient(z)
    rows = tf.concat([z, vae.shuffle_codes(z)], axis=0)
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        _, probs = vae.architectures.make_discriminator(rows, is_training=True)
    return loss_of_probabilities(probs)


def loss_of_probabilities(probs):
    """The library's loss of FactorVAE's discriminator.

    Args:
        probs: What the discriminator made of codes and, after them, of as many permuted
            ones; shape [2 * batch_size, 2].

    Returns:
        Scalar in nats, the negative mean log probability of the right class.
    """
    probs_z, probs_permuted = tf.split(probs, 2)
    return -0.5 * (
        tf.reduce_mean(tf.log(probs_z[:, 0]))
        + tf.reduce_mean(tf.log(probs_permuted[:, 1]))
    )


class _Noted:
    """Notes the codes and the discriminator's optimiser while a model is built."""

    def __init__(self, model, optimizers):
        self._model = model
        self._optimizers = optimizers

    def __enter__(self):
        self._stock_sample = self._model.sample_from_latent_distribution
        self._model.sample_from_latent_distribution = self._sample
        vae.optimizers = self

    def __exit__(self, *exception):
        self._model.sample_from_latent_distribution = self._stock_sample
        vae.optimizers = self._optimizers

    def _sample(self, *args, **kwargs):
        self.z_sampled = self._stock_sample(*args, **kwargs)
        return self.z_sampled

    def make_vae_optimizer(self):
        return self._optimizers.make_vae_optimizer()

    def make_discriminator_optimizer(self):
        self.discriminator_optimizer = self._optimizers.make_discriminator_optimizer()
        return self.discriminator_optimizer
