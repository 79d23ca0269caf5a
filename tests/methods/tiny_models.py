# SPDX-License-Identifier: Apache-2.0
"""Models small enough to be trained in a test, and what is read off them."""

import gin
import numpy as np
import tensorflow.compat.v1 as tf
from disentanglement_lib.data.ground_truth import dummy_data
from disentanglement_lib.methods.unsupervised import train  # noqa: F401

from rtc_plugin.training import estimator
from rtc_plugin.training.input_pipeline import make_input_fn

NUM_LATENT = 3
BATCH_SIZE = 8
# All but model.model.
BINDINGS = f"""
dataset.name = 'dummy_data'
model.batch_size = {BATCH_SIZE}
model.training_steps = 4
model.random_seed = 0
model.eval_steps = 3
encoder.num_latent = {NUM_LATENT}
encoder.encoder_fn = @test_encoder
decoder.decoder_fn = @test_decoder
discriminator.discriminator_fn = @tiny_discriminator
reconstruction_loss.loss_fn = @bernoulli_loss
vae_optimizer.optimizer_fn = @AdamOptimizer
vae_optimizer.learning_rate = 0.001
discriminator_optimizer.optimizer_fn = @AdamOptimizer
discriminator_optimizer.learning_rate = 0.01
"""


@gin.configurable("tiny_discriminator", allowlist=[])
def tiny_discriminator(input_tensor, is_training=True):
    hidden = tf.layers.dense(input_tensor, 8, tf.nn.leaky_relu, name="d1")
    logits = tf.layers.dense(hidden, 2, name="logits")
    return logits, tf.nn.softmax(logits)


def make_estimator(model, model_dir, seed=0):
    return estimator.TPUEstimator(
        use_tpu=False,
        model_fn=model.model_fn,
        model_dir=str(model_dir),
        train_batch_size=BATCH_SIZE,
        eval_batch_size=BATCH_SIZE,
        config=estimator.RunConfig(tf_random_seed=seed),
    )


def train_weights(model, model_dir, steps=4, seed=0):
    """Trains without the library's export and evaluation; returns the checkpoint."""
    trained = make_estimator(model, model_dir, seed)
    trained.train(make_input_fn(dummy_data.DummyData(), seed), steps)
    return read_weights(trained.model_dir)


def read_weights(model_dir):
    """Returns all variables of the newest checkpoint."""
    reader = tf.train.load_checkpoint(str(model_dir))
    return {
        name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
    }


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def transparent(model_class):
    """Returns the model, keeping the tensors between images and loss."""

    class Transparent(model_class):
        def gaussian_encoder(self, *args, **kwargs):
            self.z_mean, self.z_logvar = super().gaussian_encoder(*args, **kwargs)
            return self.z_mean, self.z_logvar

        def sample_from_latent_distribution(self, *args):
            self.z = super().sample_from_latent_distribution(*args)
            return self.z

        def decode(self, *args):
            self.logits = super().decode(*args)
            return self.logits

    return Transparent
