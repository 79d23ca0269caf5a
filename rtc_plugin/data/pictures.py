# SPDX-License-Identifier: Apache-2.0
"""Encoded pictures (PNG, JPEG and the like) to arrays of one size."""

import io
import os

import numpy as np
import PIL.Image

from rtc_plugin.data import files

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_BLOCK_IMAGES = 256
_DEEP = ("I", "F")  # And "I;16": of more than eight bits, which "L" would cut off.


def find(folder):
    """Returns the paths of all pictures below a folder, sorted."""
    return sorted(
        os.path.join(root, name)
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
    )


def decode(source, name, size=None, mode=None):
    """Returns a picture as an array.

    Args:
        source: Path, or the bytes of a file.
        name: What to call it in messages.
        size: Height and width to scale to, after its middle square has been cut out; as
            it is if None.
        mode: "L" (grey) or "RGB"; the picture's own if None, without transparency.

    Returns:
        uint8 array [height, width, 1 or 3].

    Raises:
        UserError: It is damaged or no picture.
    """
    try:
        picture = PIL.Image.open(io.BytesIO(source) if _is_bytes(source) else source)
        deep = picture.mode.startswith(_DEEP)
        picture = picture.convert(mode or ("L" if picture.mode in "1L" else "RGB"))
    # A damaged file makes Pillow raise nearly anything.
    except Exception as error:
        raise files.unusable(name, f"is damaged or no picture ({error})") from error
    if deep:
        raise files.unusable(name, "has more than eight bits per pixel and channel")
    if size is not None:
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        picture = picture.crop((left, top, left + side, top + side))
        picture = picture.resize((size, size), PIL.Image.LANCZOS)
    array = np.asarray(picture)
    return array if array.ndim == 3 else array[..., None]


def _is_bytes(source):
    return isinstance(source, (bytes, memoryview))


def blocks(sources, shape, size=None):
    """Yields pictures in blocks, uint8 [n, *shape].

    Args:
        sources: Iterable of pairs of a path or bytes, and a name.
        shape: [height, width, channels] that all have to have.
        size: As in `decode`.

    Raises:
        UserError: One has another height or width, or is no picture.
    """
    mode, block = "L" if shape[2] == 1 else "RGB", []
    for source, name in sources:
        array = decode(source, name, size, mode)
        if array.shape != tuple(shape):
            raise files.unusable(
                name,
                "is {}x{}, others are {}x{}; file_data.size = 64 (or --size=64) cuts "
                "and scales all of them".format(*array.shape[:2], *shape[:2]),
            )
        block.append(array)
        if len(block) == _BLOCK_IMAGES:
            yield np.stack(block)
            block = []
    if block:
        yield np.stack(block)
