# SPDX-License-Identifier: Apache-2.0
"""The input pipeline yields the library's sequence, in batches, from any step on."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from disentanglement_lib.data.ground_truth import dummy_data, util

from rtc_plugin.data.ground_truth import (
    dsprites_rendered,
    factor_grid,
    shapes3d_rendered,
    weighted,
)
from rtc_plugin.training import input_pipeline


class Instances(factor_grid.FactorGrid):
    """Like SmallNORB, has a factor that is drawn afresh for each observation."""

    factor_sizes = [3, 4, 5]
    latent_factor_indices = [0, 2]
    factor_names = ["category", "azimuth"]
    observation_shape = [2, 2, 1]

    def images_at(self, indices):
        indices = np.asarray(indices)[:, None, None, None]
        return (indices + np.arange(4).reshape(2, 2, 1)).astype(np.uint8)


DATA = {
    "all factors": shapes3d_rendered.Shapes3DRendered,
    "binary": dsprites_rendered.DSpritesRendered,
    "random instance": Instances,
    "random observation": dummy_data.DummyData,
    "weighted": lambda: weighted.WeightedFactors(
        shapes3d_rendered.Shapes3DRendered(),
        {"scale": [1, 2, 3, 4, 0, 0, 0, 1]},
        ("floor_hue", "shape"),
        0.7,
    ),
    "weighted, random instance": lambda: weighted.WeightedFactors(
        Instances(), {"category": [1, 2, 3]}
    ),
}


def batches(input_fn, num, **params):
    """Evaluates the input function `num` times, in a graph and session of its own."""
    with tf.Graph().as_default():
        batch = input_fn(params)
        with tf.Session() as session:
            return [session.run(batch) for _ in range(num)]


def stock_batches(data, seed, num, batch_size):
    def input_fn(params):
        dataset = util.tf_data_set_from_ground_truth_data(data, seed)
        dataset = dataset.batch(params["batch_size"], drop_remainder=True)
        return tf.data.make_one_shot_iterator(dataset).get_next()

    return batches(input_fn, num, batch_size=batch_size)


@pytest.mark.parametrize("name", DATA)
def test_sequence_is_the_librarys_to_the_bit(name):
    data = DATA[name]()
    ours = batches(input_pipeline.make_input_fn(data, 5), 3, batch_size=7)
    stock = stock_batches(data, 5, 3, 7)
    assert ours[0].dtype == np.float32
    np.testing.assert_array_equal(ours, stock)


@pytest.mark.parametrize("name", DATA)
def test_restart_goes_on_with_the_batches_not_seen(name):
    input_fn = input_pipeline.make_input_fn(DATA[name](), 5)
    whole = batches(input_fn, 5, batch_size=4)
    rest = batches(input_fn, 2, batch_size=4, start_step=3)
    np.testing.assert_array_equal(rest, whole[3:])


def test_skipping_many_batches_draws_as_many_factors():
    """More than are drawn at once when skipping."""
    data = Instances()
    batch_size, start_step = 50, 3000
    skipped = next(input_pipeline.index_batches(data, 1, batch_size, start_step))
    random_state = np.random.RandomState(1)
    data.sample_indices(batch_size * start_step, random_state)
    np.testing.assert_array_equal(
        skipped, data.sample_indices(batch_size, random_state)
    )


def test_graph_divides_like_numpy():
    """All 256 pixel values: no reciprocal is multiplied with instead."""

    class Pixels(Instances):
        observation_shape = [16, 16, 1]

        def images_at(self, indices):
            image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
            return np.repeat(image, len(indices), axis=0)

    (batch,) = batches(input_pipeline.make_input_fn(Pixels(), 0), 1, batch_size=1)
    expected = np.arange(256, dtype=np.float32) / np.float32(255)
    np.testing.assert_array_equal(batch.ravel(), expected)


def test_limited_number_of_batches_ends():
    input_fn = input_pipeline.make_input_fn(Instances(), 0, num_batches=2)
    assert len(batches(input_fn, 2, batch_size=3)) == 2
    with pytest.raises(tf.errors.OutOfRangeError):
        batches(input_fn, 3, batch_size=3)


def test_seeds_give_different_sequences():
    one, other = (
        batches(input_pipeline.make_input_fn(Instances(), seed), 1, batch_size=20)
        for seed in (0, 1)
    )
    assert not np.array_equal(one, other)


def test_sampling_is_for_training_and_not_for_evaluation_unless_asked():
    def only_category_two(data):
        return weighted.WeightedFactors(data, {"category": [0, 0, 1]})

    def smallest_pixel(**kwargs):
        input_fn = input_pipeline.make_input_fn(
            Instances(), 0, sampling=only_category_two, **kwargs
        )
        (batch,) = batches(input_fn, 1, batch_size=100)
        return round(batch.min() * 255)

    assert smallest_pixel() >= 40
    assert smallest_pixel(num_batches=1) < 40
    assert smallest_pixel(num_batches=1, weight_evaluation=True) >= 40
