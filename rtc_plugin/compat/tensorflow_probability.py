# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorflow-probability 0.7, which today's TensorFlow cannot import.

The library's metadata pins 0.7, and its one use is the entropy of Bernoulli pixels in
`methods/shared/losses.py`.
"""

import types

import tensorflow.compat.v1 as tf


class Bernoulli:
    """The part of `tfp.distributions.Bernoulli` that the library uses."""

    def __init__(self, probs):
        """Creates independent Bernoulli variables.

        Args:
            probs: Tensor of probabilities of 1, each inside (0, 1).
        """
        self.logits = tf.log(probs) - tf.log1p(-probs)

    def entropy(self):
        """Returns the entropies in nats, a tensor of the shape of `probs`.

        From the logits, as 0.7 computes it, so that losses agree to the last bits.
        """
        logits = self.logits
        return -logits * (tf.sigmoid(logits) - 1) + tf.nn.softplus(-logits)


distributions = types.SimpleNamespace(Bernoulli=Bernoulli)
