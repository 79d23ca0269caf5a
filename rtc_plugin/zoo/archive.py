# SPDX-License-Identifier: Apache-2.0
"""Models in zips and folders, read without trusting them.

A zip is hostile until shown otherwise: before anything is read from it, its directory
is bounded, every name must stay inside, links and devices are refused, and so are
members that overlap or unpack to far more than they hold. Sizes are checked again while
reading, since a directory can lie.
"""

import contextlib
import errno
import os
import re
import stat
import struct
import zipfile
import zlib
from typing import NamedTuple

from rtc_plugin.data import files
from rtc_plugin.errors import UserError
from rtc_plugin.results import records

# A model of the study has about 200 files and some ten megabytes.
MAX_MEMBERS = 20_000
MAX_DIRECTORY_BYTES = 8 << 20
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200
# Compressing well is no crime in a small file: checkpoints of zeros, empty logs.
_RATIO_FREE_BYTES = 64 << 20
_BLOCK = 1 << 20

# What zipfile raises at a zip that is not whole; ValueError is also a name that is no
# UTF-8, OverflowError a place beyond all files.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


class Model(NamedTuple):
    """A model inside an archive.

    Attributes:
        root: What its files' names start with, such as "17/", or "".
        names: The rest of its files' names, sorted.
    """

    root: str
    names: tuple


class _Zip:
    """Files of a zip that has been checked."""

    def __init__(self, path, opened):
        self.path, self._opened = path, opened
        self._infos = {i.filename: i for i in opened.infolist() if not i.is_dir()}

    def names(self):
        return list(self._infos)

    def blocks(self, name):
        """Yields a file's bytes; a `UserError` where they cannot be read."""
        with contextlib.ExitStack() as stack:
            with _reading(f"{self.path}: {name}"):
                f = stack.enter_context(self._opened.open(self._infos[name]))
            left = self._infos[name].file_size
            while True:
                with _reading(f"{self.path}: {name}"):
                    block = f.read(_BLOCK)
                left -= len(block)
                if left < 0:
                    raise UserError(
                        f"{self.path}: {name} is longer than the zip says; this is no "
                        "honest zip."
                    )
                if not block:
                    return
                yield block

    def verify(self):
        """Reads everything, so that checksums are compared."""
        for name in self._infos:
            for _ in self.blocks(name):
                pass


class _Folder:
    """Files below a folder; links are not followed."""

    def __init__(self, path):
        self.path = path

    def names(self):
        found, problems = [], []
        for folder, _, names in records.walk(self.path, problems):
            relative = os.path.relpath(folder, self.path)
            prefix = "" if relative == "." else relative.replace(os.sep, "/") + "/"
            found += [
                prefix + name
                for name in names
                if stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode)
            ]
        if problems:
            raise UserError(f"{problems[0].where} {problems[0].what}")
        return found

    def blocks(self, name):
        path = os.path.join(self.path, name)
        with contextlib.ExitStack() as stack:
            with _reading(path):
                f = stack.enter_context(open(path, "rb"))
            while True:
                with _reading(path):
                    block = f.read(_BLOCK)
                if not block:
                    return
                yield block


@contextlib.contextmanager
def _reading(what):
    """Tells what is damaged from what cannot be read, in one line."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        # A place before the beginning of a file or beyond all files.
        is_damaged = error.errno == errno.EINVAL
        said = "is damaged" if is_damaged else "cannot be read"
        raise UserError(f"{what} {said} ({error.strerror}).") from error
    except _DAMAGED as error:
        raise UserError(f"{what} is damaged ({error}).") from error


def read(archive, name, limit):
    """Returns a file's bytes.

    Args:
        archive: As `open_archive` yields it.
        name: One of its names.
        limit: Bytes that it may have.

    Raises:
        UserError: It has more, or it cannot be read.
    """
    content = bytearray()
    for block in archive.blocks(name):
        content += block
        if len(content) > limit:
            raise UserError(f"{archive.path}: {name} has more than {limit} bytes.")
    return bytes(content)


@contextlib.contextmanager
def open_archive(path):
    """Opens a zip or a folder for reading.

    Args:
        path: Path of a zip or a folder.

    Yields:
        Object with `path`, `names()` and `blocks(name)`; a zip's also has `verify()`.

    Raises:
        UserError: There is no such file, it is not a zip, or not an honest one.
    """
    path = str(path)
    if os.path.isdir(path):
        yield _Folder(path)
        return
    if not os.path.exists(path):
        raise UserError(f"{path} does not exist; give a zip or a folder.")
    if not os.path.isfile(path):
        raise UserError(f"{path} is neither a plain file nor a folder.")
    with _reading(path):
        _check_directory(path)
        opened = zipfile.ZipFile(path)
    with opened:
        _check_members(path, opened)
        yield _Zip(path, opened)


def _check_directory(path):
    """Bounds the list of members before it is read into memory."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        f.seek(max(0, size - (1 << 16) - 22))
        tail = f.read()
        end = tail.rfind(b"PK\5\6")
        if end < 0 or len(tail) - end < 22:
            files.check_not_html(path)
            raise UserError(f"{path} is not a whole zip; its directory is missing.")
        count, directory_size = struct.unpack("<HL", tail[end + 10 : end + 16])
        # A larger zip's own record lies right before its locator, where Python's
        # zipfile reads it, and where the locator says, where it should.
        locator = tail[max(0, end - 20) : end]
        if locator.startswith(b"PK\6\7"):
            f.seek(min(struct.unpack("<Q", locator[8:16])[0], size))
            for record in (f.read(48), tail[max(0, end - 76) : end - 20][:48]):
                if record.startswith(b"PK\6\6") and len(record) == 48:
                    large_count, large_size = struct.unpack("<QQ", record[32:48])
                    count = max(count, large_count)
                    directory_size = max(directory_size, large_size)
    if count > MAX_MEMBERS or directory_size > MAX_DIRECTORY_BYTES:
        raise UserError(
            f"{path} lists {count} members in {directory_size} bytes; no model has so "
            "many, so it is not opened."
        )


def _check_members(path, opened):
    infos = opened.infolist()
    if len(infos) > MAX_MEMBERS:
        raise UserError(f"{path} has {len(infos)} members; no model has so many.")
    seen = set()
    for info in infos:
        _check_member(path, info)
        if info.filename in seen:
            raise UserError(f"{path} has {info.filename!r} twice; that is ambiguous.")
        seen.add(info.filename)
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_UNPACKED_BYTES:
        raise UserError(
            f"{path} would unpack to {unpacked} bytes, more than {MAX_UNPACKED_BYTES}."
        )
    packed = sum(info.compress_size for info in infos)
    if unpacked > _RATIO_FREE_BYTES and unpacked > MAX_RATIO * max(packed, 1):
        raise UserError(
            f"{path} would unpack {packed} bytes to {unpacked}; no model compresses "
            "so well, so it is not opened."
        )
    _check_overlap(path, infos)


def _check_member(path, info):
    # The name as it stands in the file; zipfile cuts it at a NUL byte.
    name = info.orig_filename
    parts = name.rstrip("/").split("/")
    if (
        not name
        or "\0" in name
        or "\\" in name
        or ":" in parts[0]
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise UserError(f"{path} holds the path {name!r}, which leaves its folder.")
    mode = stat.S_IFMT(info.external_attr >> 16)
    # Unix types only; zero where the zip was made elsewhere.
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{path} holds {name!r}, which is not a plain file.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Others unpack a few bytes to gigabytes at once.
        raise UserError(
            f"{path} holds {name!r}, packed by method {info.compress_type}; unpack it "
            "yourself and give the folder."
        )
    if info.flag_bits & 1:
        raise UserError(f"{path} holds {name!r}, which is encrypted.")


def _check_overlap(path, infos):
    # Members that share bytes make a small file unpack to a huge one.
    spans = sorted((i.header_offset, i.header_offset + i.compress_size) for i in infos)
    for (_, end), (start, _) in zip(spans, spans[1:]):
        if start < end + 30:  # a member's own header has 30 bytes or more
            raise UserError(f"{path} has members that overlap; it is not opened.")


_PART_OF_MODEL = re.compile(r"(?P<root>(?:.*?/)?)(?:model|metrics|postprocessed)/.+")


def find_models(archive):
    """Finds the models of an archive.

    Args:
        archive: As `open_archive` yields it.

    Returns:
        List of `Model`, sorted by root; what lies beside model/, metrics/ and
        postprocessed/ is left out.
    """
    by_root = {}
    for name in archive.names():
        match = _PART_OF_MODEL.fullmatch(name)
        if match:
            by_root.setdefault(match["root"], []).append(name[len(match["root"]) :])
    return [Model(root, tuple(sorted(by_root[root]))) for root in sorted(by_root)]


def extract(archive, model, wanted, folder):
    """Copies some files of a model into a folder.

    Args:
        archive: As `open_archive` yields it.
        model: `Model` of it.
        wanted: Prefixes of the names to copy, such as ("model/tfhub/",).
        folder: Existing empty folder.

    Raises:
        UserError: A file is damaged or cannot be written, or none has such a name.
    """
    names = [name for name in model.names if name.startswith(tuple(wanted))]
    if not names:
        raise UserError(
            f"{archive.path} holds no {' or '.join(wanted)} for {model.root or 'it'}."
        )
    base = os.path.realpath(folder)
    for name in names:
        target = os.path.join(base, name)
        if os.path.commonpath([base, os.path.realpath(target)]) != base:
            raise UserError(f"{archive.path}: {name!r} leaves its folder.")
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "xb") as out:
                for block in archive.blocks(model.root + name):
                    out.write(block)
        except OSError as error:
            raise UserError(
                f"{archive.path}: {name} cannot be written to {target} "
                f"({error.strerror})."
            ) from error
