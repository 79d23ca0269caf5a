# SPDX-License-Identifier: Apache-2.0
"""Optimisers for gin's `vae_optimizer` and `discriminator_optimizer`.

A learning rate that changes needs nothing of this module:

    vae_optimizer.learning_rate = @exponential_decay
    exponential_decay.learning_rate = 0.001
    exponential_decay.decay_steps = 1000
    exponential_decay.decay_rate = 0.9
"""

import gin
import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError


@gin.configurable("clipped_optimizer", allowlist=["optimizer_fn", "max_norm"])
def clipped_optimizer(
    optimizer_fn=gin.REQUIRED, max_norm=gin.REQUIRED, **optimizer_settings
):
    """Makes an optimiser whose gradients have a limited norm.

    In a gin file, for any model of the library or the plugin:

        vae_optimizer.optimizer_fn = @clipped_optimizer
        clipped_optimizer.optimizer_fn = @vae/AdamOptimizer
        clipped_optimizer.max_norm = 100.

    Args:
        optimizer_fn: Function that makes the optimiser, such as a class.
        max_norm: Largest Euclidean norm of all gradients taken together, > 0; longer
            ones are scaled down to it.
        **optimizer_settings: Handed on, such as the learning rate.

    Returns:
        `tf.train.Optimizer`.

    Raises:
        UserError: If max_norm is no positive number.
    """
    if not isinstance(max_norm, (int, float)) or not 0 < max_norm < float("inf"):
        raise UserError(
            f"clipped_optimizer.max_norm = {max_norm!r}: must be a number > 0."
        )
    return _ClippedOptimizer(optimizer_fn(**optimizer_settings), max_norm)


class _ClippedOptimizer(tf.train.Optimizer):
    """Clips the gradients that it hands to another optimiser."""

    def __init__(self, optimizer, max_norm):
        super().__init__(use_locking=False, name="Clipped" + optimizer.get_name())
        self._optimizer = optimizer
        self._max_norm = max_norm

    def compute_gradients(self, *args, **kwargs):
        pairs = self._optimizer.compute_gradients(*args, **kwargs)
        gradients, variables = zip(*pairs)
        gradients, _ = tf.clip_by_global_norm(gradients, self._max_norm)
        return list(zip(gradients, variables))

    def apply_gradients(self, *args, **kwargs):
        return self._optimizer.apply_gradients(*args, **kwargs)

    def get_slot(self, *args, **kwargs):
        return self._optimizer.get_slot(*args, **kwargs)

    def get_slot_names(self, *args, **kwargs):
        return self._optimizer.get_slot_names(*args, **kwargs)

    def variables(self):
        return self._optimizer.variables()
