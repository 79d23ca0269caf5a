# SPDX-License-Identifier: Apache-2.0
"""Total correlation by a discriminator, against closed forms and NumPy."""

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae  # noqa: F401  (registers gin)
from scipy import stats
from scipy.special import log_expit

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio
from rtc_plugin.training.graph import split_variables

RHO = 0.8
COVARIANCE = [[1.0, RHO], [RHO, 1.0]]
TOTAL_CORRELATION = -0.5 * np.log(1 - RHO**2)


@gin.configurable("optimal_discriminator", allowlist=[])
def optimal_discriminator(input_tensor, is_training=True):
    """The discriminator of a bivariate Gaussian that cannot be beaten."""
    x, y = input_tensor[:, 0], input_tensor[:, 1]
    joint = (x**2 - 2 * RHO * x * y + y**2) / (1 - RHO**2)
    ratio = 0.5 * (x**2 + y**2 - joint) - 0.5 * np.log(1 - RHO**2)
    logits = tf.stack([ratio, tf.zeros_like(ratio)], axis=1) + 7.0
    return logits, tf.nn.softmax(logits)


@gin.configurable("small_discriminator", allowlist=[])
def small_discriminator(input_tensor, is_training=True):
    hidden = tf.layers.dense(input_tensor, 32, tf.nn.leaky_relu, name="d1")
    hidden = tf.layers.dense(hidden, 32, tf.nn.leaky_relu, name="d2")
    logits = tf.layers.dense(hidden, 2, name="logits")
    return logits, tf.nn.softmax(logits)


@gin.configurable("linear_discriminator", allowlist=[])
def linear_discriminator(input_tensor, is_training=True):
    logits = tf.layers.dense(input_tensor, 2, name="logits", use_bias=False)
    return logits, tf.nn.softmax(logits)


@pytest.fixture(autouse=True)
def graph():
    gin.clear_config()
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        yield graph
    gin.clear_config()


def use_discriminator(name):
    gin.parse_config(f"discriminator.discriminator_fn = @{name}")


def evaluate(tensors):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensors)


@pytest.mark.parametrize("seed", range(3))
def test_the_optimal_discriminator_gives_the_total_correlation(seed):
    use_discriminator("optimal_discriminator")
    n = 20000
    z = np.random.RandomState(seed).multivariate_normal([0, 0], COVARIANCE, n)
    ratio = density_ratio.estimate(tf.constant(z, tf.float32), is_training=True)
    log_ratios = stats.multivariate_normal(cov=COVARIANCE).logpdf(z)
    log_ratios -= stats.norm.logpdf(z).sum(axis=1)
    value = evaluate(ratio.total_correlation)
    assert value == pytest.approx(log_ratios.mean(), abs=1e-4)
    assert abs(value - TOTAL_CORRELATION) < 4 * log_ratios.std() / np.sqrt(n)


def test_a_trained_discriminator_finds_the_total_correlation():
    use_discriminator("small_discriminator")
    noise = tf.random_normal([512, 2])
    z = tf.matmul(noise, tf.constant(np.linalg.cholesky(COVARIANCE).T, tf.float32))
    ratio = density_ratio.estimate(z, is_training=True)
    train_op = tf.train.AdamOptimizer(0.003).minimize(ratio.discriminator_loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert abs(session.run(ratio.total_correlation)) < 0.2
        for _ in range(1500):
            session.run(train_op)
        # On samples that it has not seen. The log ratio's standard deviation is .8, so
        # the standard error is .0025; what the network has not learnt is the rest.
        values = [session.run(ratio.total_correlation) for _ in range(200)]
    assert np.mean(values) == pytest.approx(TOTAL_CORRELATION, abs=0.05)


def test_loss_and_accuracy_agree_with_numpy():
    random_state = np.random.RandomState(0)
    joint, permuted = random_state.randn(2, 50).astype(np.float32) * 3
    loss, accuracy = evaluate(
        [
            density_ratio.discriminator_loss(joint, permuted),
            density_ratio.discriminator_accuracy(joint, permuted),
        ]
    )
    expected = -0.5 * log_expit(joint).mean() - 0.5 * log_expit(-permuted).mean()
    assert loss == pytest.approx(expected, rel=1e-6)
    assert accuracy == pytest.approx(((joint > 0).mean() + (permuted < 0).mean()) / 2)


def test_a_discriminator_that_knows_nothing_loses_log_two():
    zeros = tf.zeros([4])
    assert evaluate(density_ratio.discriminator_loss(zeros, zeros)) == pytest.approx(
        np.log(2)
    )


def test_extreme_logits_keep_loss_and_gradient_alive():
    """Where the library's clipped probabilities have none."""
    ratio = tf.constant([-1e4])
    loss = density_ratio.discriminator_loss(ratio, -ratio)
    loss_value, gradient = evaluate([loss, tf.gradients(loss, ratio)[0]])
    assert loss_value == 1e4
    assert gradient == [-1.0]  # -1/2 from each of the two samples.


def test_the_discriminator_s_loss_reaches_the_discriminator_alone():
    use_discriminator("small_discriminator")
    encoder_weights = tf.get_variable("encoder/w", [3, 2])
    z = tf.matmul(tf.random_normal([8, 3]), encoder_weights)
    ratio = density_ratio.estimate(z, is_training=True)
    model_variables, discriminator_variables = split_variables()
    assert model_variables == [encoder_weights]
    assert len(discriminator_variables) == 6
    assert tf.gradients(ratio.discriminator_loss, encoder_weights) == [None]
    assert None not in tf.gradients(ratio.discriminator_loss, discriminator_variables)
    assert None not in tf.gradients(ratio.total_correlation, encoder_weights)


def test_permuting_keeps_each_latent_s_values_and_breaks_the_rows():
    use_discriminator("linear_discriminator")
    z = tf.constant(np.arange(80).reshape(40, 2), tf.float32)
    seen = _record_discriminator_inputs(z, "same_batch")
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(np.sort(seen[2], axis=0), seen[0])
    assert (seen[2][:, 0] != seen[2][:, 1] - 1).sum() > 30


def test_the_second_half_is_permuted_and_set_against_the_first():
    use_discriminator("linear_discriminator")
    z = np.arange(18).reshape(9, 2).astype(np.float32)
    seen = _record_discriminator_inputs(tf.constant(z), "second_half")
    np.testing.assert_array_equal(seen[0], z)
    np.testing.assert_array_equal(seen[1], z[:4])
    np.testing.assert_array_equal(np.sort(seen[2], axis=0), z[4:8])


def _record_discriminator_inputs(z, permute_from):
    density_ratio.estimate(z, is_training=True, permute_from=permute_from)
    products = [
        op for op in tf.get_default_graph().get_operations() if op.type == "MatMul"
    ]
    return evaluate([op.inputs[0] for op in products])


def test_what_cannot_be_permuted_is_refused():
    density_ratio.check_permutation("same_batch", 2)
    density_ratio.check_permutation("second_half", None)
    for permute_from, batch_size in (("same_batch", 1), ("second_half", 3)):
        with pytest.raises(UserError, match=f"model.batch_size = {batch_size}"):
            density_ratio.check_permutation(permute_from, batch_size)
    with pytest.raises(UserError, match="'elsewhere'.*'same_batch', 'second_half'"):
        density_ratio.check_permutation("elsewhere", 64)
