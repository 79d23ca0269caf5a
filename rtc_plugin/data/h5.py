# SPDX-License-Identifier: Apache-2.0
"""Reads arrays out of h5 files in blocks, and follows no link out of them."""

import h5py

from rtc_plugin.data import files

_BLOCK_IMAGES = 4096
_LARGEST_BLOCK = 40000


def open_h5(path):
    """Returns an open h5 file; raises a `UserError` if it is none."""
    files.check_not_html(path)
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise files.unusable(
            path, f"is truncated or not an h5 file ({error})"
        ) from error


def has_array(f, key):
    """Tells whether an open h5 file holds an array of that name."""
    return isinstance(f.get(key, getlink=True), h5py.HardLink) and isinstance(
        f[key], h5py.Dataset
    )


def array(f, path, key):
    """Returns an array of an open h5 file; raises a `UserError` if it has none."""
    if not has_array(f, key):
        raise files.unusable(path, f"has no array '{key}'")
    return f[key]


def read(path, array, rows):
    """Returns rows of an array; raises a `UserError` if they are damaged."""
    try:
        return array[rows]
    except (OSError, RuntimeError) as error:
        raise files.unusable(path, f"is damaged ({error})") from error


def blocks(path, key):
    """Yields an array in blocks along its first axis."""
    with open_h5(path) as f:
        images = array(f, path, key)
        chunk = images.chunks[0] if images.chunks else 1
        # Whole chunks, so that none is decompressed twice.
        small = chunk < _LARGEST_BLOCK
        rows = chunk * max(1, _BLOCK_IMAGES // chunk) if small else 1
        for start in range(0, len(images), rows):
            yield read(path, images, slice(start, start + rows))
