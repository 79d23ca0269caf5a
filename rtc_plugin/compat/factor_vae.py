# SPDX-License-Identifier: Apache-2.0
"""An order for the two updates of the library's FactorVAE.

The library runs the updates of model and discriminator side by side. The model's
gradient passes through the discriminator's weights, so it sees them before their update
or after or half of each, as threads happen to run, and two runs with one seed differ
from their first step on. Here the discriminator's update waits for the model's, as
though its thread had been slow: the only change is that it is so each time.
"""

import functools

import tensorflow.compat.v1 as tf


def order_updates(vae):
    """Patches `methods.unsupervised.vae`: FactorVAE updates its discriminator last."""
    stock_model_fn = vae.FactorVAE.model_fn

    @functools.wraps(stock_model_fn)
    def model_fn(self, features, labels, mode, params):
        stock_optimizers = vae.optimizers
        vae.optimizers = _OrderedOptimizers(stock_optimizers)
        try:
            return stock_model_fn(self, features, labels, mode, params)
        finally:
            vae.optimizers = stock_optimizers

    vae.FactorVAE.model_fn = model_fn


class _OrderedOptimizers:
    """The library's module `optimizers`, for one model."""

    def __init__(self, optimizers):
        self._optimizers = optimizers
        self._model_updates = []

    def make_vae_optimizer(self):
        optimizer = self._optimizers.make_vae_optimizer()
        apply_gradients = optimizer.apply_gradients

        def apply_and_note(*args, **kwargs):
            update = apply_gradients(*args, **kwargs)
            self._model_updates.append(update)
            return update

        optimizer.apply_gradients = apply_and_note
        return optimizer

    def make_discriminator_optimizer(self):
        optimizer = self._optimizers.make_discriminator_optimizer()
        apply_gradients = optimizer.apply_gradients

        def apply_last(*args, **kwargs):
            with tf.control_dependencies(self._model_updates):
                return apply_gradients(*args, **kwargs)

        optimizer.apply_gradients = apply_last
        return optimizer
