# SPDX-License-Identifier: Apache-2.0
"""What a decoder that ignores its code loses at least: the mark of having learnt."""

import numpy as np
from scipy import special

from rtc_plugin.data.ground_truth.dsprites_rendered import DSpritesRendered
from rtc_plugin.data.ground_truth.shapes3d_rendered import Shapes3DRendered

# Of all images of the twins, as `bernoulli_loss` gives it; nats per image.
LOSSES = {
    twin.name: twin.constant_image_loss for twin in (DSpritesRendered, Shapes3DRendered)
}
_CHUNK = 1000


def bernoulli_loss(data, num_images=10000, seed=0):
    """Returns the reconstruction loss of the best constant image.

    Of all constant images the mean of a data set has the least Bernoulli cross-entropy,
    which is the entropy of that mean, summed over pixels and channels.

    Args:
        data: `GroundTruthData`.
        num_images: Images that are drawn, or 'all' of a data set that has numbers for
            them. Drawing n underestimates by about (number of pixels) / (2 n) nats.
        seed: Seed of the draws.

    Returns:
        Float >= 0, nats per image, on the scale of the library's `bernoulli_loss` with
        `subtract_true_image_entropy = False`.
    """
    random_state = np.random.RandomState(seed)
    count = data.num_images if num_images == "all" else num_images
    total = 0.0
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        if num_images == "all":
            images = data.images_at(np.arange(start, end)) / data.pixel_maximum
        else:
            images = data.sample_observations(end - start, random_state)
        total = total + np.sum(images, axis=0, dtype=np.float64)
    # Rounding takes a pixel that is always on beyond 1, whose entropy is -inf.
    mean = np.clip(total / count, 0.0, 1.0)
    return float(np.sum(special.entr(mean) + special.entr(1.0 - mean)))
