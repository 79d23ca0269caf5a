# SPDX-License-Identifier: Apache-2.0
"""The bindings of a VAE that the library trains in a few seconds."""

NUM_LATENT = 3
BINDINGS = [
    "model.model = @vae()",
    "vae.beta = 1.",
    "model.batch_size = 4",
    "model.training_steps = 1",
    "model.eval_steps = 1",
    "model.random_seed = 0",
    f"encoder.num_latent = {NUM_LATENT}",
    "encoder.encoder_fn = @test_encoder",
    "decoder.decoder_fn = @test_decoder",
    "reconstruction_loss.loss_fn = @bernoulli_loss",
    "vae_optimizer.optimizer_fn = @AdamOptimizer",
    "dataset.name = 'dummy_data'",
]
