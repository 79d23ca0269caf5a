# SPDX-License-Identifier: Apache-2.0
"""One-time conversion of downloaded files to arrays that need not be loaded.

The converted array lies beside its source as `NAME.npy`, with `NAME.npy.json` that says
what it was made from. The note is written last: without it there is no conversion.
"""

import contextlib
import glob
import hashlib
import json
import math
import os
import shutil
import sys

import numpy as np
import tqdm

from rtc_plugin.data import files
from rtc_plugin.errors import UserError
from rtc_plugin.files import locked

_FORMAT = 1


class ImageFile:
    """Images in a file, indexed like an array and never held in memory.

    Images are read one by one. Mapping the file into memory would add each page ever
    touched to the resident memory of the process, in the end the whole file.

    Args:
      path: Path of an npy file, or of any other with the remaining arguments.
      shape: Shape of the array that lies in the file as it is, in C order.
      dtype: Its dtype.
      offset: Its position in the file, in bytes.

    Attributes:
      shape: Shape of the array.
      dtype: Its dtype.
      path: Path of the file.
    """

    def __init__(self, path, shape=None, dtype=None, offset=None):
        if shape is None:
            mapped = np.lib.format.open_memmap(path, mode="r")
            shape, dtype, offset = mapped.shape, mapped.dtype, mapped.offset
        self.path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        self._offset = offset
        self._file = open(path, "rb", buffering=0)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, indices):
        """Returns the images with the numbers `indices`, [n] or a slice."""
        if isinstance(indices, slice):
            indices = np.arange(*indices.indices(len(self)))
        indices = np.asarray(indices, dtype=np.int64)
        if np.any(indices < 0) or np.any(indices >= len(self)):
            raise IndexError(f"Image numbers must lie in [0, {len(self)}).")
        images = np.empty((len(indices), *self.shape[1:]), self.dtype)
        nbytes = images.nbytes // max(1, len(images))
        target, descriptor = (
            memoryview(images.reshape(-1)).cast("B"),
            self._file.fileno(),
        )
        for i, number in enumerate(indices.tolist()):
            image = target[i * nbytes : (i + 1) * nbytes]
            if os.preadv(descriptor, [image], self._offset + number * nbytes) != nbytes:
                raise UserError(
                    f"{self.path} has become shorter. Delete it; the next use converts "
                    "it again."
                )
        return images


def open_converted(sources, target, convert):
    """Opens converted images and converts them first, if that has not been done.

    Args:
      sources: Paths of the files that are converted.
      target: Path of the npy file to convert to.
      convert: Function without arguments that reads the sources and returns the shape
        and dtype of the images, an iterable over the images in blocks along the first
        axis, and a dictionary to remember.

    Returns:
      `ImageFile`, and the dictionary that `convert` gave.

    Raises:
      UserError: If the sources are not what they should be, or if the folder of the
        target lacks room or permission. Nothing converted is left then.
    """
    note = _read_note(target, sources)
    if note is None:
        folder = os.path.dirname(target)
        _check_writable(folder)
        with locked(folder, math.inf, file="."):
            # Another process may have been converting while we waited.
            note = _read_note(target, sources)
            if note is None:
                note = _convert(sources, target, convert)
    return ImageFile(target), note["remember"]


def verify(target):
    """Raises a `UserError` unless a converted file has the checksum recorded for it."""
    with open(target + ".json") as f:
        recorded = json.load(f)["sha256"]
    images, digest = ImageFile(target), hashlib.sha256()
    block = max(1, (64 << 20) // images[:1].nbytes)
    for start in tqdm.trange(0, len(images), block, desc="verifying", leave=False):
        digest.update(images[start : start + block].tobytes())
    if digest.hexdigest() != recorded:
        raise UserError(
            f"{target} has changed since it was converted. Delete it; the next use "
            "converts it again."
        )


def _identity(path):
    status = os.stat(path)
    return {
        "name": os.path.basename(path),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


def _read_note(target, sources):
    """Returns the note of a finished conversion of these very sources, else None."""
    try:
        with open(target + ".json") as f:
            note = json.load(f)
    except (OSError, ValueError):
        return None
    if note.get("format") != _FORMAT or not os.path.exists(target):
        return None
    if os.path.getsize(target) != note["size"]:
        return None
    # Sources that were deleted to save room are not missed.
    if sources and all(os.path.exists(path) for path in sources):
        if note["sources"] != [_identity(path) for path in sources]:
            return None
    return note


def _convert(sources, target, convert):
    for leftover in glob.glob(glob.escape(target) + ".*.tmp"):
        os.remove(leftover)
    identities = [_identity(path) for path in sources]
    shape, dtype, blocks, remember = convert()
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    folder = os.path.dirname(target)
    free = shutil.disk_usage(folder).free
    if free < nbytes + (64 << 20):
        raise UserError(
            f"{os.path.abspath(folder)} has {free / 1e9:.1f} GB free; converting "
            f"{os.path.basename(sources[0])} once takes {nbytes / 1e9:.1f} GB there."
        )
    temporary = f"{target}.{os.getpid()}.tmp"
    note_temporary = f"{target}.json.{os.getpid()}.tmp"
    try:
        note = {
            "format": _FORMAT,
            "sources": identities,
            "shape": list(shape),
            "dtype": dtype.str,
            "sha256": _write(temporary, shape, dtype, blocks, sources[0]),
            "size": os.path.getsize(temporary),
            "remember": remember,
        }
        with open(note_temporary, "w") as f:
            json.dump(note, f, indent=1)
        with contextlib.suppress(FileNotFoundError):
            os.remove(target + ".json")  # it belongs to the array about to go
        os.replace(temporary, target)
        os.replace(note_temporary, target + ".json")
    except OSError as error:
        raise UserError(
            f"Cannot convert {os.path.basename(sources[0])} in "
            f"{os.path.abspath(folder)}: {error.strerror or error}."
        ) from error
    finally:
        for path in (temporary, note_temporary):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
    print(f"Converted once to {target}", file=sys.stderr)
    return note


def _write(path, shape, dtype, blocks, source):
    """Writes the blocks as an npy file; returns the SHA-256 of the data."""
    digest, written = hashlib.sha256(), 0
    description = f"converting {os.path.basename(source)}"
    with (
        open(path, "wb") as f,
        tqdm.tqdm(
            total=shape[0], desc=description, unit=" images", unit_scale=True
        ) as bar,
    ):
        np.lib.format.write_array_header_1_0(
            f,
            {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": tuple(shape),
            },
        )
        for block in blocks:
            block = np.ascontiguousarray(block, dtype)
            data = block.reshape(-1).view(np.uint8)
            digest.update(data)
            f.write(data)
            written += len(block)
            bar.update(len(block))
        f.flush()
        os.fsync(f.fileno())
    if written != shape[0]:
        raise files.unusable(source, f"holds {written} images, not {shape[0]}")
    return digest.hexdigest()


def _check_writable(folder):
    if not os.access(folder, os.W_OK):
        raise UserError(
            f"{os.path.abspath(folder)} cannot be written to, and its files have to be "
            "converted once. Make it writable, or link its files into a folder that is "
            "and name that (for public files in DISENTANGLEMENT_LIB_DATA)."
        )
