# SPDX-License-Identifier: Apache-2.0
"""Each data set trains and is evaluated by the library's own steps."""

import json
import os

import gin
import pytest
import small_public_files as small
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.methods.unsupervised import train
from disentanglement_lib.postprocessing import postprocess

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import mpi3d, named_data, nvidia3d

WRITERS = {
    "shapes3d": [small.write_shapes3d_h5],
    "dsprites_full": [small.write_dsprites],
    "dsprites_noshape": [small.write_dsprites],
    "color_dsprites": [small.write_dsprites],
    "noisy_dsprites": [small.write_dsprites],
    "scream_dsprites": [small.write_dsprites, small.write_scream],
    "cars3d": [small.write_cars3d],
    "smallnorb": [small.write_norb],
    "mpi3d_toy": [small.write_mpi3d],
    "mpi3d_realistic": [lambda: small.write_mpi3d(*mpi3d.MPI3DRealistic.public_files)],
    "mpi3d_real": [lambda: small.write_mpi3d(*mpi3d.MPI3DReal.public_files)],
    "mpi3d_complex": [lambda: small.write_mpi3d(*mpi3d.MPI3DComplex.public_files)],
    "falcor3d": [lambda: pictures(nvidia3d.Falcor3D)],
    "isaac3d": [lambda: pictures(nvidia3d.Isaac3D)],
    "file_data": [small.write_dsprites],
    "shapes3d_rendered": [],
    "dsprites_rendered": [],
    "weighted": [],
}
TRAINING = """
    model.name = "test"
    model.model = @vae()
    vae.beta = 1.0
    model.training_steps = 20
    model.eval_steps = 2
    model.batch_size = 16
    model.random_seed = 0
    encoder.num_latent = 5
    encoder.encoder_fn = @conv_encoder
    decoder.decoder_fn = @deconv_decoder
    reconstruction_loss.loss_fn = @bernoulli_loss
    vae_optimizer.optimizer_fn = @AdamOptimizer
"""
WEIGHTS = """
    weighted_data.name = "shapes3d_rendered"
    weighted_sampling.dependent_factors = ("floor_hue", "wall_hue")
    weighted_sampling.strength = 0.5
"""


def pictures(kind):
    small.write_numbered_pictures(*kind.public_files, len(kind.factor_sizes))


def bindings(text):
    return [line.strip() for line in text.strip().splitlines()]


def test_no_data_set_is_left_out():
    assert set(WRITERS) == set(named_data.GROUND_TRUTH_DATA)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_trains_and_is_evaluated(name, tmp_path, monkeypatch):
    small.use_small_sizes(monkeypatch, tmp_path)
    for write in WRITERS[name]:
        write()
    data = bindings(f"dataset.name = '{name}'")
    data += bindings(WEIGHTS) if name == "weighted" else []
    if name == "file_data":
        data.append(f"file_data.path = '{files.local_path(small.DSPRITES)}'")
    model, codes, scores = (str(tmp_path / step) for step in ("m", "p", "e"))
    gin.clear_config()
    train.train_with_gin(model, gin_bindings=data + bindings(TRAINING))
    postprocess.postprocess_with_gin(
        model,
        codes,
        gin_bindings=data
        + bindings(
            """
            postprocess.postprocess_fn = @mean_representation
            postprocess.random_seed = 0
            postprocess.name = "mean"
            """
        ),
    )
    evaluate.evaluate_with_gin(
        codes,
        scores,
        gin_bindings=data
        + bindings(
            """
            evaluation.evaluation_fn = @mig
            evaluation.random_seed = 0
            evaluation.name = "mig"
            mig.num_train = 300
            discretizer.discretizer_fn = @histogram_discretizer
            discretizer.num_bins = 20
            """
        ),
    )
    results = os.path.join(scores, "results", "aggregate", "evaluation.json")
    with open(results) as f:
        found = json.load(f)
    assert 0 <= found["evaluation_results.discrete_mig"] <= 1
