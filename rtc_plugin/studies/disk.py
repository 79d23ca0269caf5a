# SPDX-License-Identifier: Apache-2.0
"""How much room a study needs, and whether it is there."""

import errno
import os
import shutil

# Of one model: networks and discriminator with their optimisers' moments in the
# checkpoint, the module of each representation, summaries and pictures. While a
# checkpoint is written there are two of them. To these come the tables of codes:
# `mean`, `sampled` and `mean_and_logvar` keep five numbers of 4 bytes for each of 10
# latents and of up to 737,280 images.
BYTES_PER_MODEL = 150e6 + 5 * 4 * 10 * 737_280


def estimate(num_models):
    """Returns how many bytes models take."""
    return num_models * BYTES_PER_MODEL


def free(folder):
    """Returns how many bytes are free where a folder is, or is to be."""
    folder = os.path.abspath(folder)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return shutil.disk_usage(folder).free


def has_space_for_one(folder):
    """Returns whether there is room for another model."""
    return free(folder) >= BYTES_PER_MODEL


def is_full(error):
    """Returns whether an exception says that the disk is full."""
    return getattr(error, "errno", None) == errno.ENOSPC or (
        "no space left" in str(error).lower()
    )
