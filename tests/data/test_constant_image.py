# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rtc_plugin.data import constant_image
from rtc_plugin.data.ground_truth import factor_grid, named_data


class Four(factor_grid.FactorGrid):
    """Four images of two pixels: one on in a quarter of them, one always."""

    factor_sizes = [4]
    factor_names = ["which"]
    observation_shape = [1, 2, 1]
    pixel_maximum = 1

    def images_at(self, indices):
        indices = np.asarray(indices)
        on = np.stack([indices == 0, indices >= 0], axis=-1)
        return np.uint8(on)[:, None, :, None]


def test_the_loss_is_the_entropy_of_the_mean_image():
    expected = -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    assert constant_image.bernoulli_loss(Four(), "all") == pytest.approx(expected)
    # Any other constant loses more, the images' own average the same.
    for p in (0.2, 0.3):
        assert -0.25 * np.log(p) - 0.75 * np.log(1 - p) > expected


@pytest.mark.parametrize("name", constant_image.LOSSES)
def test_the_shipped_losses_are_those_of_the_twins(name):
    data = named_data.GROUND_TRUTH_DATA[name]()
    found = constant_image.bernoulli_loss(data, num_images=3000)
    # Standard deviation over seeds: .7 % (dSprites, whose sprites differ in size).
    assert found == pytest.approx(constant_image.LOSSES[name], rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", constant_image.LOSSES)
def test_the_shipped_losses_are_of_all_images(name):
    data = named_data.GROUND_TRUTH_DATA[name]()
    found = constant_image.bernoulli_loss(data, "all")
    assert found == pytest.approx(constant_image.LOSSES[name], rel=1e-9)
