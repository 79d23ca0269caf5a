# SPDX-License-Identifier: Apache-2.0
"""The twin of dSprites: shapes, determinism, and what repeats."""

import hashlib

import numpy as np
import pytest

from rtc_plugin.data.ground_truth import (
    dsprites_rendered,
    named_data,
    render_dsprites,
)

SQUARE, ELLIPSE, HEART = range(3)


@pytest.fixture(scope="module")
def data():
    return named_data.GROUND_TRUTH_DATA["dsprites_rendered"]()


@pytest.fixture(scope="module")
def sprites():
    return dsprites_rendered.load_sprites().reshape(3, 6, 40, 33, 33)


def test_factors_are_those_of_dsprites_full(data):
    assert data.factors_num_values == [3, 6, 40, 32, 32]
    assert data.num_factors == len(data.factor_names) == 5
    assert data.num_images == 737280
    assert data.observation_shape == [64, 64, 1]


def test_images_are_the_same_bytes_everywhere(data, sprites):
    assert render_dsprites.checksum(sprites) == (
        "d67ff3871a2c05337366f8103b3a72d80c62270584bbde35005a0f94f0691c70"
    )
    images = data.images_at(np.arange(0, 737280, 997))
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "03dedbc6da3d052dad1f9d1ed16eeadab1e5ded21c26955434f562a525acca77"
    )


def test_shipped_sprites_are_what_the_renderer_renders(sprites):
    np.testing.assert_array_equal(render_dsprites.render_sprites(), sprites)


def test_images_are_binary_and_show_the_whole_sprite(data, sprites):
    indices = np.arange(0, 737280, 101)
    images = data.images_at(indices)
    assert set(np.unique(images)) == {0, 1}
    factors = data.indices_to_factors(indices)
    areas = sprites.sum(axis=(-1, -2))[tuple(factors[:, 1:4].T)]
    np.testing.assert_array_equal(images.sum(axis=(1, 2, 3)), areas)


def test_position_moves_the_sprite_right_and_down_by_a_pixel(data):
    here, right, down = data.images_at(
        data.factors_to_indices(
            [[0, HEART, 5, 3, 7, 9], [0, HEART, 5, 3, 8, 9], [0, HEART, 5, 3, 7, 10]]
        )
    )
    np.testing.assert_array_equal(np.roll(here, 1, axis=1), right)
    np.testing.assert_array_equal(np.roll(here, 1, axis=0), down)


def test_areas_are_those_of_the_outlines(sprites):
    """Averaged over turns, so that the outline's staircase cancels."""
    areas = sprites[:, :, 1:39].sum(axis=(-1, -2)).mean(-1)
    unit = [
        (2 * render_dsprites.SQUARE_HALF) ** 2,
        np.pi
        * render_dsprites.ELLIPSE_HALF_WIDTH
        * render_dsprites.ELLIPSE_HALF_HEIGHT,
        3.66197 * render_dsprites.HEART_UNIT**2,  # of this sextic, by quadrature
    ]
    expected = np.outer(unit, render_dsprites.SCALES**2)
    np.testing.assert_allclose(areas, expected, rtol=0.01)


def test_nothing_repeats_but_turns_of_a_symmetric_shape(sprites):
    """Sprites that differ when cropped differ at every position in the image."""
    seen = {}
    for shape in range(3):
        for scale in range(6):
            for orientation in range(40):
                key = cropped(sprites[shape, scale, orientation])
                seen.setdefault(key, []).append((shape, scale, orientation))
    assert len(seen) == 678
    for same in seen.values():
        shape, scale, first = same[0]
        for other_shape, other_scale, other in same[1:]:
            assert (shape, scale) == (other_shape, other_scale)
            if shape == SQUARE:  # about a multiple of a quarter of a turn apart
                quarters = (other - first) * 4 / 39
                assert abs(quarters - round(quarters)) <= 0.08
            else:
                assert (first, other) == (0, 39)


def cropped(sprite):
    rows, columns = np.flatnonzero(sprite.any(1)), np.flatnonzero(sprite.any(0))
    crop = sprite[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return crop.shape, crop.tobytes()


def test_first_and_last_orientation_are_the_same_turn(sprites):
    np.testing.assert_array_equal(sprites[:, :, 0], sprites[:, :, 39])


def test_ellipse_nearly_repeats_after_half_a_turn(sprites):
    half_turn_apart = sprites[ELLIPSE, 5, 0] != sprites[ELLIPSE, 5, 20]
    quarter_turn_apart = sprites[ELLIPSE, 5, 0] != sprites[ELLIPSE, 5, 10]
    assert half_turn_apart.sum() * 4 < quarter_turn_apart.sum()


def test_observations_are_zeros_and_ones(data):
    observations = data.sample_observations(20, np.random.RandomState(0))
    assert observations.shape == (20, 64, 64, 1)
    assert observations.dtype == np.float32
    assert set(np.unique(observations)) == {0.0, 1.0}
