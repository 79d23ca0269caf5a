# SPDX-License-Identifier: Apache-2.0
"""The input pipeline of training: whole batches, in the library's sequence.

The library draws one image after the other in Python and casts each to floats. Here
the factors of a batch are drawn at once, its images are gathered as integers, and
TensorFlow casts them, ahead of the step that needs them. The sequence of observations
for a seed is the library's to the bit.
"""

import gin
import numpy as np
import tensorflow.compat.v1 as tf
from disentanglement_lib.data.ground_truth import util

# Registers with gin what `training_data.sampling` is bound to.
from rtc_plugin.data.ground_truth import weighted  # noqa: F401

_PREFETCHED_BATCHES = 4
_DRAWS_SKIPPED_AT_ONCE = 1 << 16


@gin.configurable(
    "training_data", allowlist=["sampling", "weight_evaluation"], module="rtc_plugin"
)
def make_input_fn(
    ground_truth_data, seed, num_batches=None, sampling=None, weight_evaluation=False
):
    """Creates an input function; takes the place of the library's `_make_input_fn`.

    Args:
      ground_truth_data: GroundTruthData to sample from.
      seed: Integer, seed of the sequence of observations.
      num_batches: Number of batches, as evaluation asks for; endless if None.
      sampling: Function that wraps a data set so that it draws other factors than
        uniform ones, such as `weighted_sampling`. None leaves it as it is.
      weight_evaluation: Whether `sampling` applies to a limited number of batches,
        too, which is what the library evaluates a trained model on.

    Returns:
      Function of `params` that returns a float32 tensor [batch_size, height, width,
      channels], a new batch each time it is evaluated. `params['batch_size']` is
      required; `params['start_step']` is a number of batches to leave out, so that an
      interrupted run goes on with the batches it has not seen.
    """
    if sampling is not None and (num_batches is None or weight_evaluation):
        ground_truth_data = sampling(ground_truth_data)

    def load_dataset(params):
        """TPUEstimator compatible input function."""
        batch_size = params["batch_size"]
        start_step = params.get("start_step", 0)
        if hasattr(ground_truth_data, "sample_indices"):
            dataset = _batched(ground_truth_data, seed, batch_size, start_step)
        else:
            dataset = _one_by_one(ground_truth_data, seed, batch_size, start_step)
        if num_batches is not None:
            dataset = dataset.take(num_batches)
        dataset = dataset.prefetch(_PREFETCHED_BATCHES)
        return tf.data.make_one_shot_iterator(dataset).get_next()

    # For models that ask what they are trained on, such as its size.
    load_dataset.ground_truth_data = ground_truth_data
    return load_dataset


def index_batches(data, seed, batch_size, start_step=0):
    """Yields the image numbers [batch_size] of the batches from `start_step` on.

    Args:
      data: Data set with the method `sample_indices` of `FactorGrid`.
      seed: Integer seed.
      batch_size: Number of images in a batch.
      start_step: Number of batches to leave out.
    """
    random_state = np.random.RandomState(seed)
    to_skip = start_step * batch_size
    while to_skip > 0:
        skipped = min(to_skip, _DRAWS_SKIPPED_AT_ONCE)
        data.sample_indices(skipped, random_state)
        to_skip -= skipped
    while True:
        yield data.sample_indices(batch_size, random_state)


def _batched(data, seed, batch_size, start_step):
    def image_batches():
        for indices in index_batches(data, seed, batch_size, start_step):
            yield data.images_at(indices)

    def to_observations(images):
        observations = tf.cast(images, tf.float32)
        return observations / data.pixel_maximum

    dtype = data.images_at(np.zeros(1, dtype=np.int64)).dtype
    dataset = tf.data.Dataset.from_generator(
        image_batches, dtype, [batch_size] + list(data.observation_shape)
    )
    # Python gathers the next batches while TensorFlow casts this one.
    return dataset.prefetch(_PREFETCHED_BATCHES).map(to_observations)


def _one_by_one(ground_truth_data, seed, batch_size, start_step):
    """The library's own pipeline, for data sets whose observations are random."""
    dataset = util.tf_data_set_from_ground_truth_data(ground_truth_data, seed)
    dataset = dataset.skip(start_step * batch_size)
    return dataset.batch(batch_size, drop_remainder=True)
