# SPDX-License-Identifier: Apache-2.0
"""Total correlation by a discriminator, against closed forms and NumPy."""

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.shared import architectures
from disentanglement_lib.methods.unsupervised import vae
from scipy import stats
from scipy.special import log_expit

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio
from rtc_plugin.training.graph import alternate, split_variables

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


@gin.configurable("normalising_discriminator", allowlist=[])
def normalising_discriminator(input_tensor, is_training=True):
    rows = tf.layers.batch_normalization(input_tensor, training=is_training)
    return linear_discriminator(rows)


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
    train_op = tf.train.AdamOptimizer(0.001).minimize(ratio.discriminator_loss)
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


@pytest.mark.parametrize("permute_from", ["same_batch", "second_half"])
@pytest.mark.parametrize("scale", [1.0, 3.0, 10.0])
def test_one_pass_gives_what_a_pass_for_each_purpose_gives(
    monkeypatch, permute_from, scale
):
    """Codes of scale 10 have log ratios of up to a hundred: certain either way."""
    use_discriminator("small_discriminator")
    monkeypatch.setattr(vae, "shuffle_codes", roll_each_latent)
    encoder_weights = tf.get_variable("encoder/w", [10, 10])
    z = tf.placeholder(tf.float32, [33, 10])
    codes = tf.matmul(z, encoder_weights)
    ratio = density_ratio.estimate(codes, True, permute_from)
    parts = [codes, codes]
    if permute_from == "second_half":
        parts = [codes[:16], codes[16:32]]
    expected_tc, expected_loss = pass_for_each_purpose(codes, *parts)
    model, discriminator = split_variables()
    pairs = [
        (ratio.total_correlation, expected_tc),
        (ratio.discriminator_loss, expected_loss),
        (ratio.make_discriminator_loss(), expected_loss),
        *zip(
            tf.gradients(3.0 * ratio.total_correlation, [codes, *model]),
            tf.gradients(3.0 * expected_tc, [codes, *model]),
        ),
        *zip(
            tf.gradients(2.0 * ratio.discriminator_loss, discriminator),
            tf.gradients(2.0 * expected_loss, discriminator),
        ),
        *zip(
            tf.gradients(ratio.make_discriminator_loss(), discriminator),
            tf.gradients(expected_loss, discriminator),
        ),
    ]
    assert len(pairs) == 17
    with tf.Session() as session:
        for seed in range(5):
            session.run(tf.global_variables_initializer())
            values = np.random.RandomState(seed).randn(33, 10) * scale
            for value, expected in session.run(pairs, {z: values}):
                error = np.linalg.norm(value - expected)
                assert error <= 1e-5 * np.linalg.norm(expected)


def roll_each_latent(z):
    """A permutation of each latent that is known."""
    return tf.stack(
        [tf.roll(z[:, i], i + 1, axis=0) for i in range(z.shape[1])], axis=1
    )


def pass_for_each_purpose(codes, joint, source):
    """The textbook's total correlation and loss, each with its own pass."""

    def ratios(rows):
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            logits, _ = architectures.make_discriminator(rows, is_training=True)
        return density_ratio.log_ratio(logits)

    joint, permuted = map(tf.stop_gradient, (joint, roll_each_latent(source)))
    return (
        tf.reduce_mean(ratios(codes)),
        density_ratio.discriminator_loss(ratios(joint), ratios(permuted)),
    )


@pytest.mark.parametrize("permute_from", ["same_batch", "second_half"])
def test_one_pass_stays_right_as_a_model_trains(monkeypatch, permute_from):
    use_discriminator("small_discriminator")
    monkeypatch.setattr(vae, "shuffle_codes", roll_each_latent)
    mixing = tf.get_variable("encoder/w", initializer=np.eye(4, dtype=np.float32))
    codes = tf.matmul(tf.random_normal([64, 4]), mixing + tf.ones([4, 4]))
    ratio = density_ratio.estimate(codes, True, permute_from)
    parts = tf.split(codes, 2) if permute_from == "second_half" else [codes, codes]
    tc, loss = pass_for_each_purpose(codes, *parts)
    discriminator = split_variables()[1]
    pairs = [
        (ratio.total_correlation, tc),
        (ratio.discriminator_loss, loss),
        (tf.gradients(ratio.total_correlation, codes), tf.gradients(tc, codes)),
        *zip(
            tf.gradients(ratio.discriminator_loss, discriminator),
            tf.gradients(loss, discriminator),
        ),
    ]
    update = alternate(
        ratio.total_correlation + tf.reduce_sum(tf.square(mixing)),
        ratio,
        tf.train.AdamOptimizer(0.001),
        tf.train.AdamOptimizer(0.01),
    )
    tf.train.create_global_step()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = []
        for _ in range(200):
            values = session.run(pairs)
            session.run(update)
            losses.append(values[1][0])
            for value, expected in values:
                error = np.linalg.norm(np.subtract(value, expected))
                # Of a total correlation near 0, which is a mean of larger numbers.
                assert error <= 1e-5 * max(np.linalg.norm(expected), 0.1)
    assert losses[-1] < losses[0] - 0.2


def test_permuting_keeps_each_latent_s_values_and_breaks_the_rows():
    use_discriminator("linear_discriminator")
    z = tf.constant(np.arange(80).reshape(40, 2), tf.float32)
    joint, permuted = np.split(_record_discriminator_input(z, "same_batch"), 2)
    np.testing.assert_array_equal(joint, np.arange(80).reshape(40, 2))
    np.testing.assert_array_equal(np.sort(permuted, axis=0), joint)
    assert (permuted[:, 0] != permuted[:, 1] - 1).sum() > 30


def test_the_second_half_is_permuted_and_set_against_the_first():
    use_discriminator("linear_discriminator")
    z = np.arange(18).reshape(9, 2).astype(np.float32)
    seen = _record_discriminator_input(tf.constant(z), "second_half")
    np.testing.assert_array_equal(seen[:9], z)
    np.testing.assert_array_equal(np.sort(seen[9:], axis=0), z[4:8])


def _record_discriminator_input(z, permute_from):
    density_ratio.estimate(z, is_training=False, permute_from=permute_from)
    (product,) = (
        op for op in tf.get_default_graph().get_operations() if op.type == "MatMul"
    )
    return evaluate(product.inputs[0])


def test_what_cannot_be_permuted_is_refused():
    density_ratio.check_permutation("same_batch", 2)
    density_ratio.check_permutation("second_half", None)
    for permute_from, batch_size in (("same_batch", 1), ("second_half", 3)):
        with pytest.raises(UserError, match=f"model.batch_size = {batch_size}"):
            density_ratio.check_permutation(permute_from, batch_size)
    with pytest.raises(UserError, match="'elsewhere'.*'same_batch', 'second_half'"):
        density_ratio.check_permutation("elsewhere", 64)


def test_a_discriminator_that_sees_the_batch_is_refused():
    use_discriminator("normalising_discriminator")
    z = tf.random_normal([8, 3])
    density_ratio.estimate(z, is_training=False)
    with pytest.raises(UserError, match="normalises over the batch"):
        density_ratio.estimate(z, is_training=True)
