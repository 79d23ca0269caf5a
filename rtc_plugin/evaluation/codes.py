# SPDX-License-Identifier: Apache-2.0
"""The encodings of a set of images, which every metric here starts from.

A representation of shape [batch_size, 2, num_latent] holds means and log variances
(see `mean_and_logvar_representation`); one of shape [batch_size, num_latent] is the
library's `mean` or `sampled` representation. Which of the two is read off the
configuration that `dlib_postprocess` has left beside the module.
"""

import pathlib

import gin
import numpy as np
import tqdm
from absl import logging

from rtc_plugin.errors import UserError
from rtc_plugin.measures.codes import MEAN, SAMPLED, codes_from_array
from rtc_plugin.runs import read_gin

# Images that are drawn twice, to see whether their factors make them.
_NUM_COMPARED = 20


def encode(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    num_samples=5000,
    batch_size=100,
):
    """Encodes images that are drawn from a data set.

    Args:
        ground_truth_data: `GroundTruthData`.
        representation_function: Function from images to their representation.
        random_state: `numpy.random.RandomState` that draws the images.
        artifact_dir: As the library hands it to metrics,
            `<representation's folder>/artifacts/<name>`: the way to the
            configuration of the postprocessing step. Without it, a representation of
            shape [n, num_latent] counts as means.
        num_samples: Number of images.
        batch_size: Images at a time.

    Returns:
        `Codes`, float64.

    Raises:
        UserError: The images do not fit the module, or its representation is not
            finite, has no rank of 2 or 3, or has as many latents as there are samples.
    """
    representation_dir = find_representation_dir(artifact_dir)
    _warn_of_other_dataset(representation_dir)
    batches = []
    for start in _progress(range(0, num_samples, batch_size)):
        factors, images = ground_truth_data.sample(
            min(batch_size, num_samples - start), random_state
        )
        batches.append((factors, _represent(representation_function, images)))
    return _to_codes(batches, representation_dir)


def encode_all(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    batch_size=100,
):
    """Encodes one image for each combination of ground-truth factors.

    Args and errors are those of `encode`; random_state draws what is not a ground-truth
    factor. That is the whole data set where it `is_enumerable`.
    """
    sizes = ground_truth_data.factors_num_values
    num_samples = int(np.prod(sizes))
    batches = []
    for start in _progress(range(0, num_samples, batch_size)):
        numbers = np.arange(start, min(start + batch_size, num_samples))
        factors = np.stack(np.unravel_index(numbers, sizes), axis=1)
        images = ground_truth_data.sample_observations_from_factors(
            factors, random_state
        )
        batches.append((factors, _represent(representation_function, images)))
    codes = _to_codes(batches, find_representation_dir(artifact_dir))
    return codes._replace(whole_dataset=is_enumerable(ground_truth_data))


def is_enumerable(ground_truth_data):
    """Tells whether one image per combination of factors is the whole data set.

    It is not where images differ in more than their factors, as in SmallNORB or in
    dSprites on random backgrounds, and not where factors are weighted.

    Args:
        ground_truth_data: `GroundTruthData`.
    """
    if not getattr(ground_truth_data, "has_uniform_factors", True):
        return False
    sizes = ground_truth_data.factors_num_values
    numbers = np.arange(min(_NUM_COMPARED, int(np.prod(sizes))))
    factors = np.stack(np.unravel_index(numbers, sizes), axis=1)
    one, other = (
        ground_truth_data.sample_observations_from_factors(
            factors, np.random.RandomState(seed)
        )
        for seed in range(2)
    )
    return np.array_equal(one, other)


def find_representation_dir(artifact_dir):
    """Returns the folder that `artifacts` lies in, or None if there is none."""
    if artifact_dir is None:
        return None
    path = pathlib.Path(artifact_dir)
    for folder in [path, *path.parents]:
        if folder.name == "artifacts":
            return str(folder.parent)
    return None


def _represent(representation_function, images):
    try:
        # In the precision that it was computed in.
        return np.asarray(representation_function(images))
    except ValueError as error:
        if "shape" not in str(error):
            raise
        shape = list(np.shape(images))[1:]
        raise UserError(
            f"the module does not take this data set's images, of shape {shape}; "
            "set dataset.name to what the model was trained on, or to 'auto'."
        ) from error


def _to_codes(batches, representation_dir):
    factors, arrays = zip(*batches)
    postprocess = read_gin(representation_dir, "postprocess")
    function = postprocess.get("postprocess.postprocess_fn", "")
    plain = SAMPLED if "sampled_representation" in function else MEAN
    return codes_from_array(np.concatenate(arrays), np.concatenate(factors), plain)


def _warn_of_other_dataset(representation_dir):
    trained_on = read_gin(representation_dir, "train").get("dataset.name", "")
    trained_on = trained_on.strip("'\"")
    try:
        name = gin.query_parameter("dataset.name")
    except ValueError:
        return
    if trained_on and name not in (trained_on, "auto"):
        logging.warning(
            "The model was trained on %s and is measured on %s.", trained_on, name
        )


def _progress(iterable):
    # Nothing where nobody watches.
    return tqdm.tqdm(iterable, desc="encoding", unit="batch", disable=None)
