# SPDX-License-Identifier: Apache-2.0
"""A TFHub module that TensorFlow 1.15 exported, as the published models are."""

import pathlib

import home_ground
import numpy as np
import pytest

DATA = pathlib.Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def outputs():
    return home_ground.run_module(str(DATA / "home_ground_module"))


@pytest.mark.parametrize("name", ["mean", "logvar", "reconstructions", "decoder"])
def test_output_is_the_home_grounds(outputs, name):
    with np.load(DATA / "home_ground_module.npz") as record:
        np.testing.assert_allclose(outputs[name], record[name], rtol=0, atol=1e-5)


def test_reconstructions_are_decoded_from_noisy_codes(outputs):
    # Else the comparison above would say nothing about the noise.
    assert np.exp(outputs["logvar"]).min() > 0.01
