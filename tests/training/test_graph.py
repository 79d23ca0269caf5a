# SPDX-License-Identifier: Apache-2.0
"""The training graph: two networks that each descend their own loss, and metrics."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae  # noqa: F401  (registers gin)

from rtc_plugin.methods import density_ratio
from rtc_plugin.training import graph as lib


@pytest.fixture
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize("count_both", [False, True])
def test_each_network_descends_its_own_loss(graph, count_both):
    """Against NumPy, for loss = a b and discriminator loss = -a b."""
    step = tf.train.create_global_step()
    train_op, (a, b) = _alternate_descent(count_both)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        assert session.run([a, b]) == pytest.approx([2 - 0.1 * 3, 3 + 0.01 * 2])
        assert session.run(step) == (2 if count_both else 1)


def test_both_gradients_are_taken_before_either_update(graph):
    """Seen in the graph: the other order would only happen now and then."""
    tf.train.create_global_step()
    _alternate_descent(count_both=False)
    updates = [op for op in graph.get_operations() if op.type == "ApplyGradientDescent"]
    gradients = {update.inputs[2].op for update in updates}
    assert len(gradients) == 2
    for update in updates:
        assert gradients <= _find_ancestors(update)


def _alternate_descent(count_both):
    a = tf.get_variable("encoder/a", initializer=2.0)
    b = tf.get_variable("discriminator/b", initializer=3.0)
    ratio = density_ratio.DensityRatio(None, -a * b, None, None)
    train_op = lib.alternate(
        a * b,
        ratio,
        tf.train.GradientDescentOptimizer(0.1),
        tf.train.GradientDescentOptimizer(0.01),
        count_both,
    )
    return train_op, (a, b)


def _find_ancestors(operation):
    found, waiting = set(), [operation]
    while waiting:
        operation = waiting.pop()
        for parent in [*(t.op for t in operation.inputs), *operation.control_inputs]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def test_variance_of_the_means_is_over_all_batches():
    """Three batches that differ in their mean, against NumPy."""
    z_mean = np.random.RandomState(0).randn(30, 2) + np.repeat([[0], [5], [9]], 10, 0)
    with tf.Graph().as_default(), tf.Session() as session:
        batch = tf.placeholder(tf.float32, [10, 2])
        metrics = lib.make_metrics({}, batch, tf.zeros([10, 2]))
        session.run(tf.local_variables_initializer())
        for i in range(0, 30, 10):
            session.run(
                [update for _, update in metrics.values()], {batch: z_mean[i : i + 10]}
            )
        values = session.run({name: value for name, (value, _) in metrics.items()})
    for k in range(2):
        assert values[f"mean_variance/{k}"] == pytest.approx(z_mean[:, k].var(), 1e-4)
        assert values[f"noise_variance/{k}"] == 1
