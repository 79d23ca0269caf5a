# SPDX-License-Identifier: Apache-2.0
"""The library's FactorVAE with one pass of the discriminator, against the library's."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.methods import discriminator_steps

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

GAMMA = 6.0


def build(model_fn, model, images):
    """Returns the loss, the update and the gradients {variable: tensor} of a model."""
    graph = tf.get_default_graph()
    before = set(graph.get_operations())
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        spec = model_fn(model, images, None, "train", {})
    updates = [
        op
        for op in graph.get_operations()
        if "ApplyAdam" in op.type and op not in before
    ]
    return spec, {op.inputs[0].op.name: op.inputs[-1] for op in updates}


def roll_each_latent(z):
    return tf.stack(
        [tf.roll(z[:, i], i + 1, axis=0) for i in range(z.shape[1])], axis=1
    )


def relative_error(value, expected):
    return np.linalg.norm(value - expected) / np.linalg.norm(expected)


def test_losses_and_gradients_stay_the_librarys_over_200_updates(monkeypatch):
    monkeypatch.setattr(vae, "shuffle_codes", roll_each_latent)
    model = vae.FactorVAE(gamma=GAMMA)
    noise = np.random.RandomState(0).randn(tiny_models.BATCH_SIZE, 3)
    model.sample_from_latent_distribution = lambda z_mean, z_logvar: (
        z_mean + tf.exp(z_logvar / 2) * noise.astype(np.float32)
    )
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        tf.train.create_global_step()
        images = tf.placeholder(tf.float32, [tiny_models.BATCH_SIZE, 64, 64, 1])
        ours, gradients = build(vae.FactorVAE.model_fn, model, images)
        stock, expected = build(vae.FactorVAE.model_fn.__wrapped__, model, images)
        assert gradients.keys() == expected.keys() and len(gradients) == 10
        fetches = [(ours.loss, stock.loss)]
        fetches += [(gradients[name], expected[name]) for name in gradients]
        session.run(tf.global_variables_initializer())
        batches = np.random.RandomState(1).rand(4, *images.shape.as_list())
        for step in range(200):
            feeds = {images: batches[step % 4]}
            for value, reference in session.run(fetches, feeds):
                # A bias's gradient may be next to nothing, a sum of numbers up to .06.
                error = np.linalg.norm(value - reference)
                assert error <= 1e-5 * np.linalg.norm(reference) + 1e-7
            session.run(ours.train_op, feeds)
        assert session.run(tf.train.get_global_step()) == 400


def test_further_updates_of_the_discriminator_follow_the_librarys_loss(monkeypatch):
    """Codes and permuted ones as one batch, or one after the other."""
    monkeypatch.setattr(vae, "shuffle_codes", roll_each_latent)
    z = np.random.RandomState(0).randn(16, 3).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        loss = discriminator_steps.discriminator_loss(tf.constant(z))
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            (_, probs), (_, permuted) = (
                vae.architectures.make_discriminator(codes, is_training=True)
                for codes in (z, roll_each_latent(tf.constant(z)))
            )
        expected = -0.5 * (
            tf.reduce_mean(tf.log(probs[:, 0])) + tf.reduce_mean(tf.log(permuted[:, 1]))
        )
        variables = tf.trainable_variables()
        session.run(tf.global_variables_initializer())
        pairs = zip(
            [loss, *tf.gradients(loss, variables)],
            [expected, *tf.gradients(expected, variables)],
        )
        for value, reference in session.run(list(pairs)):
            assert relative_error(value, reference) <= 1e-5


@pytest.mark.parametrize("log_ratio", [-60.0, -20.0, 0.0, 20.0, 60.0])
def test_a_discriminator_that_is_certain_keeps_the_librarys_gradients(
    monkeypatch, log_ratio
):
    """Clipped probabilities have no gradient; total correlation has its own."""
    monkeypatch.setattr(vae, "shuffle_codes", roll_each_latent)
    model = vae.FactorVAE(gamma=GAMMA)
    model.sample_from_latent_distribution = lambda z_mean, z_logvar: z_mean
    stock = vae.architectures.make_discriminator

    def certain(codes, is_training):
        logits, _ = stock(codes, is_training=is_training)
        logits += tf.constant([log_ratio, 0.0])
        return logits, tf.clip_by_value(tf.nn.softmax(logits), 1e-6, 1 - 1e-6)

    monkeypatch.setattr(vae.architectures, "make_discriminator", certain)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        tf.train.create_global_step()
        images = np.random.RandomState(0).rand(tiny_models.BATCH_SIZE, 64, 64, 1)
        images = tf.constant(images, tf.float32)
        _, gradients = build(vae.FactorVAE.model_fn, model, images)
        _, expected = build(vae.FactorVAE.model_fn.__wrapped__, model, images)
        session.run(tf.global_variables_initializer())
        gradients, expected = session.run([gradients, expected])
    for name, gradient in gradients.items():
        if name.startswith("discriminator") and abs(log_ratio) > 14:
            # One class has gradients, or none.
            np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=1e-12)
        else:
            assert relative_error(gradient, expected[name]) <= 1e-5, name
