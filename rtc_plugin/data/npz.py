# SPDX-License-Identifier: Apache-2.0
"""Reads arrays out of npz files in blocks, and never unpickles."""

import contextlib
import struct
import zipfile
import zlib

import numpy as np

from rtc_plugin.data import files

_BLOCK_BYTES = 64 << 20


@contextlib.contextmanager
def open_npz(path):
    """Context of an open npz file; all that can be wrong with it is a `UserError`."""
    files.check_not_html(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise files.unusable(
            path, f"is truncated or not an npz file ({error})"
        ) from error


class Member:
    """An array in an open npz file.

    Args:
      archive: What `open_npz` yields.
      key: Name of the array.

    Attributes:
      shape: Its shape.
      dtype: Its dtype.
      offset: Where its data start in the file; None if they are compressed.

    Raises:
      UserError: If the array is missing, pickled, or not as large as it says.
    """

    def __init__(self, archive, key):
        self._archive, self._key = archive, key
        self._path = archive.filename
        try:
            self._info = archive.getinfo(key + ".npy")
        except KeyError:
            raise files.unusable(self._path, f"has no array '{key}'") from None
        with self._open() as member:
            data_start = member.tell()
        self.offset = None
        if self._info.compress_type == zipfile.ZIP_STORED:
            self.offset = self._stored_at() + data_start
        nbytes = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
        if self._info.file_size != data_start + nbytes:
            raise files.unusable(
                self._path, f"array '{key}' is not of the size that its header says"
            )

    def _stored_at(self):
        # The lengths in the local header; those in the archive's directory may differ.
        with open(self._path, "rb") as f:
            f.seek(self._info.header_offset)
            header = f.read(zipfile.sizeFileHeader)
        fields = struct.unpack(zipfile.structFileHeader, header)
        lengths = fields[zipfile._FH_FILENAME_LENGTH :]
        return self._info.header_offset + len(header) + sum(lengths)

    def _open(self):
        member = self._archive.open(self._info)
        try:
            version = np.lib.format.read_magic(member)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            self.shape, fortran_order, self.dtype = read_header(member)
        except (ValueError, KeyError) as error:
            raise files.unusable(
                self._path, f"array '{self._key}' has no valid header"
            ) from error
        if fortran_order and len(self.shape) > 1:
            raise files.unusable(self._path, f"array '{self._key}' is in Fortran order")
        if self.dtype.hasobject:
            raise files.unusable(
                self._path, f"array '{self._key}' is pickled, which could run code"
            )
        return member

    def blocks(self):
        """Yields the array in blocks along its first axis."""
        row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        rows = max(1, _BLOCK_BYTES // max(1, row_bytes))
        with self._open() as member:
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                data = member.read(count * row_bytes)
                if len(data) != count * row_bytes:
                    raise EOFError("the data end early")
                yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
            member.read(1)  # at the end zipfile compares the checksum
