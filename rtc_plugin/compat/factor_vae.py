# SPDX-License-Identifier: Apache-2.0
"""An order for the two updates of the library's FactorVAE, and one discriminator.

The library runs the updates of model and discriminator side by side. The model's
gradient passes through the discriminator's weights, so it sees them before their update
or after or half of each, as threads happen to run, and two runs with one seed differ
from their first step on. Here the discriminator's update waits for the model's, as
though its thread had been slow: the only change is that it is so each time.

The library's discriminator sees codes and permuted codes one after the other, and is
passed backwards three times. Here it is passed once, see `methods.density_ratio`. The
library's graph is built first and whole, so that each random operation keeps its seed;
then what follows the two discriminators is connected to the one. The losses are the
library's, clipped probabilities and all.
"""

import functools

import tensorflow.compat.v1 as tf


def order_updates(vae):
    """Patches `methods.unsupervised.vae`: FactorVAE updates its discriminator last."""
    stock_model_fn = vae.FactorVAE.model_fn

    @functools.wraps(stock_model_fn)
    def model_fn(self, features, labels, mode, params):
        stock = vae.architectures, vae.optimizers
        vae.architectures = vae.optimizers = _OneDiscriminator(*stock)
        try:
            return stock_model_fn(self, features, labels, mode, params)
        finally:
            vae.architectures, vae.optimizers = stock

    vae.FactorVAE.model_fn = model_fn


class _OneDiscriminator:
    """The library's modules `architectures` and `optimizers`, for one model."""

    def __init__(self, architectures, optimizers):
        self._architectures = architectures
        self._optimizers = optimizers
        self._calls = []
        self._model_updates = []

    def __getattr__(self, name):
        return getattr(self._architectures, name)

    def make_discriminator(self, codes, is_training):
        outputs = self._architectures.make_discriminator(codes, is_training=is_training)
        self._calls.append((codes, *outputs))
        return outputs

    def make_vae_optimizer(self):
        self._unite()
        optimizer = self._optimizers.make_vae_optimizer()
        apply_gradients = optimizer.apply_gradients

        def apply_and_note(*args, **kwargs):
            update = apply_gradients(*args, **kwargs)
            self._model_updates.append(update)
            return update

        optimizer.apply_gradients = apply_and_note
        return optimizer

    def make_discriminator_optimizer(self):
        from rtc_plugin.methods import density_ratio

        optimizer = self._optimizers.make_discriminator_optimizer()
        minimize, apply_gradients = optimizer.minimize, optimizer.apply_gradients

        def minimize_with_stated_gradients(loss, **kwargs):
            loss = density_ratio.with_gradient(
                loss, self._variables, lambda d: [d * g for g in self._gradients]
            )
            return minimize(loss, **kwargs)

        def apply_last(*args, **kwargs):
            with tf.control_dependencies(self._model_updates):
                return apply_gradients(*args, **kwargs)

        optimizer.minimize = minimize_with_stated_gradients
        optimizer.apply_gradients = apply_last
        return optimizer

    def _unite(self):
        """Passes the discriminator once; connects to it what followed the two."""
        from rtc_plugin.methods import density_ratio, discriminator_steps
        from rtc_plugin.training import graph

        (z, logits_z, probs_z), (permuted, _, probs_permuted) = self._calls
        rows = tf.concat([tf.stop_gradient(z), permuted], axis=0)
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            logits, probs = self._architectures.make_discriminator(
                rows, is_training=True
            )
        loss = discriminator_steps.loss_of_probabilities(probs)
        self._variables = graph.split_variables()[1]
        slopes, self._gradients = density_ratio.propagate_back(
            loss, logits, rows, self._variables
        )
        slopes = tf.split(slopes, 2)[0]
        # Total correlation is the only use of the logits, so minus the signal at the
        # first is that at the second.
        logits = density_ratio.with_gradient(
            tf.split(logits, 2)[0], [z], lambda d: [d[:, :1] * slopes]
        )
        united = [logits, *tf.split(probs, 2)]
        for old, new in zip([logits_z, probs_z, probs_permuted], united):
            for consumer in old.consumers():
                for i, tensor in enumerate(consumer.inputs):
                    if tensor is old:
                        consumer._update_input(i, new)
