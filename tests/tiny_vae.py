# SPDX-License-Identifier: Apache-2.0
"""The bindings of a VAE that the library trains in a few seconds."""

BINDINGS = [
    "model.model = @vae()",
    "vae.beta = 1.",
    "model.batch_size = 4",
    "model.training_steps = 1",
    "model.eval_steps = 1",
    "model.random_seed = 0",
    "encoder.num_latent = 3",
    "encoder.encoder_fn = @test_encoder",
    "decoder.decoder_fn = @test_decoder",
    "reconstruction_loss.loss_fn = @bernoulli_loss",
    "vae_optimizer.optimizer_fn = @AdamOptimizer",
    "dataset.name = 'dummy_data'",
]
