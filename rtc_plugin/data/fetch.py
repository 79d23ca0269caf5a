# SPDX-License-Identifier: Apache-2.0
"""Downloads the public files, when the user asks for it and never otherwise.

pooch would do most of this. It begins an interrupted download anew, though, and one of
12.7 GB must go on where it stopped; nor does it stop a server that sends too much.
"""

import contextlib
import gzip
import hashlib
import http.client
import os
import shutil
import ssl
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zlib

import tqdm

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60
_LARGEST = 16 << 30  # the largest that is published has 12.7 GB
_BROKEN_CONNECTION = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    ConnectionError,
    TimeoutError,
    ValueError,  # not an address
)


def fetch(name, mirror=None):
    """Downloads the files of a data set that are not there yet.

    Downloads go to `PATH.part`; an interrupted one is continued by the next call.

    Args:
      name: Name of the data set, one that `named_data.files_of` has files for.
      mirror: Prefix (https://..., file://...) to take files from instead of their
        public addresses, under the last part of that address. Sizes and digests are
        checked all the same.

    Returns:
      Paths of the files.

    Raises:
      UserError: If a file cannot be downloaded or is not the published one.
    """
    paths = []
    for file in named_data.files_of(name):
        path = files.local_path(file)
        paths.append(path)
        if files.is_there(file):
            print(f"{path} is there already", file=sys.stderr)
            continue
        if file.unpack == "by hand":
            raise named_data.describe(name).missing(path)
        url = file.url
        if mirror:
            url = mirror.rstrip("/") + "/" + file.url.rsplit("/", 1)[1]
        try:
            _fetch_file(file, url, path)
        except OSError as error:
            raise UserError(
                f"Cannot write {os.path.abspath(path)}: {error.strerror or error}."
            ) from error
        print(f"{path} fetched from {url}", file=sys.stderr)
    return paths


def _fetch_file(file, url, path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    part = path + ".part"
    download(url, part, file.size, _LARGEST)
    try:
        check_download(file, part, url)
        if file.unpack is None:
            os.replace(part, path)
        elif file.unpack == "gzip":
            unpack_gzip(part, path, file.unpacked_limit)
        else:
            prefix = file.unpack.split(":", 1)[1]
            unpack_tar(part, path, prefix, file.unpacked_limit)
    except UserError:
        # It is complete and wrong: continuing it would not help.
        os.remove(part)
        raise
    with contextlib.suppress(FileNotFoundError):
        os.remove(part)


class TooLongError(UserError):
    """What comes is longer than what was asked for."""


def download(url, part, size=None, limit=None, show=True):
    """Downloads a file; goes on where an earlier download of it stopped.

    Args:
      url: Address, of the schemes http, https or file.
      part: Path to download to.
      size: Size in bytes, if known.
      limit: Bytes that it may have, if the size is not known.
      show: Whether to show the progress of this file.

    Raises:
      TooLongError: If it has more bytes than size or limit. No more are fetched, and
        none are kept.
      UserError: If there is no such file, no connection, or it breaks off.
    """
    done = os.path.getsize(part) if os.path.exists(part) else 0
    if size is not None and done == size:
        return
    if done and (url.startswith("file:") or (size is not None and done > size)):
        os.remove(part)
        done = 0
    request = urllib.request.Request(url, headers={"User-Agent": "rtc_data"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with contextlib.closing(
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
        ) as response:
            if done and getattr(response, "status", None) != 206:
                done = 0  # the server sends it from the start
            _copy(response, part, done, limit if size is None else size, show)
    except TooLongError as error:
        os.remove(part)
        published = "" if size is None else f", published are {size}"
        raise TooLongError(f"{url} has {error}{published}.") from error
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send
            return
        raise UserError(f"Cannot fetch {url}: {error.code} {error.reason}.") from error
    except _BROKEN_CONNECTION as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"Cannot fetch {url}: {reason}. The same command goes on where it stopped."
        ) from error


def _copy(response, part, done, limit, show):
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None else None
    # What the server says of the length need not be so, and it may say nothing.
    most = float("inf") if limit is None else limit
    with (
        open(part, "ab" if done else "wb") as out,
        tqdm.tqdm(
            total=total,
            initial=done,
            desc=os.path.basename(part)[: -len(".part")],
            unit="B",
            unit_scale=True,
            disable=not show,
        ) as bar,
    ):
        if total is not None and total > most:
            raise TooLongError(f"{total} bytes")
        while True:
            block = response.read(min(_BLOCK, most + 1 - done))
            if not block:
                break
            done += len(block)
            if done > most:
                raise TooLongError(f"more than {most} bytes")
            out.write(block)
            bar.update(len(block))
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke off after {done} of {total} bytes")


def check_download(file, path, url=""):
    """Raises a `UserError` unless a download has the published size and digest."""
    files.check_not_html(path)
    size = os.path.getsize(path)
    if file.size is not None and size != file.size:
        raise UserError(f"{url or path} has {size} bytes, published are {file.size}.")
    if file.digest is not None and digest(path, file.digest) != file.digest:
        kind = file.digest.split(":")[0]
        raise UserError(f"{url or path} does not have the published {kind} digest.")


def digest(path, like):
    """Returns the digest of a file, of the kind of `like` and with that prefix."""
    kind = like.split(":", 1)[0]
    if kind == "git":
        state = hashlib.sha1(b"blob %d\0" % os.path.getsize(path))
    else:
        state = hashlib.new(kind)
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(_BLOCK), b""):
            state.update(block)
    return f"{kind}:{state.hexdigest()}"


def unpack_gzip(source, path, limit):
    """Unpacks a gzip file to `path`, which appears when it is whole.

    Raises:
      UserError: If it is damaged or yields more than `limit` bytes.
    """
    try:
        with (
            gzip.open(source) as packed,
            whole_file(path) as partial,
            open(partial, "wb") as out,
        ):
            _copy_limited(packed, out, limit, source)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{source} is a damaged gzip file ({error}).") from error


def unpack_tar(source, folder, prefix, limit):
    """Unpacks the files directly below `prefix` to `folder`, all or none of them.

    Raises:
      UserError: If the archive is damaged, names a path outside of itself, has a link
        where a file should be, or a file yields more than `limit` bytes.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    with tempfile.TemporaryDirectory(dir=parent, prefix=".unpacking") as temporary:
        unpacked = os.path.join(temporary, "files")
        os.mkdir(unpacked)
        try:
            with tarfile.open(source, "r:gz") as archive:
                for member in archive:
                    _unpack_member(archive, member, unpacked, prefix, limit, source)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{source} is a damaged archive ({error}).") from error
        if not os.listdir(unpacked):
            raise UserError(f"{source} holds no files below {prefix}.")
        os.replace(unpacked, folder)


def _unpack_member(archive, member, folder, prefix, limit, source):
    parts = os.path.normpath(member.name).split("/")
    if member.name.startswith("/") or ".." in parts:
        raise UserError(
            f"{source} holds the path {member.name!r}, which leaves its folder."
        )
    if "/".join(parts[:-1]) != prefix or member.isdir():
        return
    if not member.isfile():
        raise UserError(f"{source} holds {member.name!r}, which is not a plain file.")
    if member.size > limit:
        raise UserError(f"{source}: {member.name!r} is larger than {limit} bytes.")
    with open(os.path.join(folder, parts[-1]), "xb") as out:
        shutil.copyfileobj(archive.extractfile(member), out)


def _copy_limited(packed, out, limit, source):
    written = 0
    while True:
        block = packed.read(_BLOCK)
        if not block:
            return
        written += len(block)
        if written > limit:
            raise UserError(f"{source} unpacks to more than {limit} bytes.")
        out.write(block)
