# SPDX-License-Identifier: Apache-2.0
"""The twin of Shapes3D: looks, determinism, and no two images alike."""

import hashlib

import numpy as np
import pytest

from rtc_plugin.data.ground_truth import named_data, render_shapes3d, shapes3d_rendered

FLOOR_PIXEL, WALL_PIXEL, OBJECT_PIXEL = (60, 32), (12, 44), (38, 32)


@pytest.fixture(scope="module")
def data():
    return named_data.GROUND_TRUTH_DATA["shapes3d_rendered"]()


def image(data, *factors):
    return data.images_at(data.factors_to_indices([factors]))[0]


def test_factors_are_those_of_shapes3d(data):
    assert data.factors_num_values == [10, 10, 10, 8, 4, 15]
    assert data.num_factors == len(data.factor_names) == 6
    assert data.num_images == 480000
    assert data.observation_shape == [64, 64, 3]


def test_images_are_the_same_bytes_everywhere(data):
    """Pins the shipped maps, the palette and the integer arithmetic."""
    assert render_shapes3d.checksum(shapes3d_rendered.load_weights()) == (
        "b3bdcbbbb0adf8c8f07826bce784f9a44c05636886231dedf8a5b893dbfd0e25"
    )
    images = data.images_at(np.arange(0, 480000, 997))
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "9d8dc43f9d7775053cd2d060684e6741a86bed55f84465b941920e0c86c95693"
    )


def test_shipped_maps_are_what_the_renderer_renders():
    shipped = shapes3d_rendered.load_weights().reshape(8, 4, 15, 4, -1)
    rendered = render_shapes3d.render_weights(
        render_shapes3d.ORIENTATIONS[[2]], render_shapes3d.SCALES[[5]], ["cylinder"]
    )
    assert_same_but_for_rounding(rendered[0, 0, 0], shipped[5, 1, 2])


@pytest.mark.slow
def test_all_shipped_maps_are_what_the_renderer_renders():
    shipped = shapes3d_rendered.load_weights().reshape(8, 4, 15, 4, -1)
    assert_same_but_for_rounding(render_shapes3d.render_weights(), shipped)


def assert_same_but_for_rounding(rendered, shipped):
    """Another platform's sines may tip a weight over to its neighbour, rarely."""
    difference = np.abs(rendered.astype(int) - shipped)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-4


def test_weights_of_a_pixel_never_exceed_one():
    weights = shapes3d_rendered.load_weights()
    assert weights.sum(axis=1, dtype=np.int64).max() <= 255


def test_each_hue_colours_its_own_surface(data):
    """Three pixels show one pure surface each, whatever the geometry."""
    pixels = [FLOOR_PIXEL, WALL_PIXEL, OBJECT_PIXEL]
    geometries = np.arange(480)
    for hue_factor in range(3):
        hues_seen = []
        for hue in range(10):
            factors = data.indices_to_factors(geometries)
            factors[:, hue_factor] = hue
            images = data.images_at(data.factors_to_indices(factors))
            for position, (row, column) in enumerate(pixels):
                values = images[:, row, column].astype(int)
                if position == hue_factor:
                    hues_seen.append({tuple(v) for v in values})
                else:
                    reference = data.images_at(geometries)[:, row, column]
                    np.testing.assert_array_equal(values, reference)
        # A hue read off the pixel is certain: no colour belongs to two hues.
        assert sum(map(len, hues_seen)) == len(set.union(*hues_seen))


def test_no_two_of_all_images_are_alike_even_on_every_fifth_pixel():
    """Composes every image on a grid of pixels: if these differ, images do."""
    data = shapes3d_rendered.Shapes3DRendered()
    grid = np.arange(64 * 64).reshape(64, 64)[3::5, 3::5].ravel()
    weights = shapes3d_rendered.load_weights()[:, :, grid]
    hues = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=-1)
    colors = shapes3d_rendered.hue_palette()[hues]
    seen = set()
    for combination in range(1000):
        images = np.empty((480, len(grid), 3), dtype=np.uint8)
        repeated = np.broadcast_to(colors[combination], (480, 3, 3))
        shapes3d_rendered._compose(weights, repeated, images)
        if combination in (0, 567):  # the grid is the images' own
            whole = data.images_at(np.arange(480) + 480 * combination)
            np.testing.assert_array_equal(images, whole.reshape(480, -1, 3)[:, grid])
        seen.update(image.tobytes() for image in images)
    assert len(seen) == 480000


@pytest.mark.slow
def test_no_two_of_all_images_are_alike(data):
    seen = set()
    for start in range(0, data.num_images, 4800):
        images = data.images_at(np.arange(start, start + 4800))
        seen.update(hashlib.md5(image.tobytes()).digest() for image in images)
    assert len(seen) == 480000


def test_object_grows_with_scale_and_shapes_differ_clearly():
    weights = shapes3d_rendered.load_weights().reshape(8, 4, 15, 4, -1)
    object_pixels = (weights[..., render_shapes3d.OBJECT, :] > 0).sum(-1)
    assert np.all(np.diff(object_pixels, axis=0) > 0)
    # Between two shapes of one scale at least one percent of the pixels changes.
    silhouettes = weights[..., render_shapes3d.OBJECT, :] > 0
    for a in range(4):
        for b in range(a):
            change = (silhouettes[:, a] != silhouettes[:, b]).mean(-1)
            assert change.min() > 0.01


def test_camera_goes_round_and_walls_turn(data):
    """A vertical edge between two walls moves through the picture with azimuth."""
    edges = []
    for orientation in range(8, 15):
        row = image(data, 0, 5, 0, 0, 2, orientation)[15].astype(int).sum(-1)
        edges.append(np.argmax(np.abs(np.diff(row))))
    assert np.all(np.diff(edges) >= 0) and edges[-1] - edges[0] > 10


def test_contact_shadow_darkens_the_floor_softly():
    weights = shapes3d_rendered.load_weights().reshape(8, 4, 15, 4, 64, 64)
    floor = weights[7, 2, 7, render_shapes3d.FLOOR].astype(int)
    below_the_sphere = floor[45:64, 32]  # its lower rim is at row 44
    assert below_the_sphere[0] < 0.4 * below_the_sphere[-1]
    # Soft: away from the object it fades steadily, without a hard edge.
    steps = np.diff(below_the_sphere)
    assert steps.min() > 0 and steps.max() < 50


def test_observations_are_floats_of_the_images(data):
    random_state = np.random.RandomState(0)
    factors, observations = data.sample(50, random_state)
    assert factors.shape == (50, 6) and factors.dtype == np.int64
    assert observations.shape == (50, 64, 64, 3)
    assert observations.dtype == np.float32
    images = data.images_at(data.factors_to_indices(factors))
    np.testing.assert_array_equal(observations, images.astype(np.float32) / 255.0)
    assert 0 <= observations.min() and observations.max() <= 1


def test_factors_out_of_range_are_refused(data):
    for factors in ([10, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, -1]):
        with pytest.raises(ValueError, match="Factors must be"):
            data.sample_observations_from_factors(np.array([factors]), None)


def test_bulk_draw_equals_image_by_image_draws(data):
    one_by_one, at_once = np.random.RandomState(3), np.random.RandomState(3)
    expected = np.concatenate(
        [data.sample_observations(1, one_by_one) for _ in range(100)]
    )
    images = data.images_at(data.sample_indices(100, at_once))
    np.testing.assert_array_equal(data.to_observations(images), expected)
    assert one_by_one.randint(2**31) == at_once.randint(2**31)
