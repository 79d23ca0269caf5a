# SPDX-License-Identifier: Apache-2.0
"""Downloads models' zips, politely, and keeps only whole ones."""

import concurrent.futures
import contextlib
import email.utils
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
from pathlib import Path

import tqdm

from rtc_plugin.data import fetch as data_fetch
from rtc_plugin.data import files
from rtc_plugin.errors import UserError
from rtc_plugin.files import make_folder
from rtc_plugin.zoo import archive

PUBLIC_BASE = "https://storage.googleapis.com/disentanglement_lib/unsupervised_study_v1"
REFUSED = (
    "The zoo's public address has refused access to everyone since 2026; name another "
    "place with --base=https://... or file:///folder, or make the models yourself with "
    "rtc zoo rebuild."
)
_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 300.0
_ASK_TO_WAIT = (429, 500, 502, 503, 504)
_REFUSALS = (401, 403)


class _Refused(UserError):
    """The place gives nothing to us."""


class _Pause:
    """A pause that all downloads keep when the server has asked one for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._until = 0.0

    def extend(self, seconds):
        with self._lock:
            self._until = max(self._until, time.monotonic() + seconds)

    def keep(self, stop):
        while not stop.is_set():
            left = self._until - time.monotonic()
            if left <= 0:
                return
            stop.wait(left)


def fetch(model_nums, folder, base=PUBLIC_BASE, workers=4, first_wait=1.0):
    """Downloads the zips of models that are not there yet, and verifies them.

    An interrupted download stays as `N.zip.part` and is continued by the next call. A
    zip gets its name when all its checksums have been compared.

    Args:
        model_nums: Integers.
        folder: Where `N.zip` go.
        base: Address or folder that `N.zip` are below.
        workers: Downloads at a time.
        first_wait: Seconds before the second attempt; doubles with each further one,
            unless the server says how long to wait.

    Returns:
        Dictionary from the numbers that could not be had to one line each.

    Raises:
        UserError: The place refuses access, or the folder cannot be written to.
    """
    base = _address(base)
    make_folder("--output_dir", folder)
    state = _State(base, folder, first_wait)
    numbers = list(dict.fromkeys(model_nums))
    failed = {}
    with (
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
        tqdm.tqdm(total=len(numbers), desc="models", unit="zip", disable=None) as bar,
    ):
        futures = {pool.submit(state.fetch_one, n): n for n in numbers}
        try:
            for future in concurrent.futures.as_completed(futures):
                bar.update()
                try:
                    future.result()
                except _Refused:
                    raise
                except UserError as error:
                    failed[futures[future]] = str(error)
                    tqdm.tqdm.write(str(error), file=sys.stderr)
        except BaseException:
            state.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return dict(sorted(failed.items()))


class _State:
    """What the downloads of one call share."""

    def __init__(self, base, folder, first_wait):
        self.base, self.folder, self.first_wait = base, folder, first_wait
        self.pause = _Pause()
        self.stop = threading.Event()
        self.any_success = False

    def fetch_one(self, number):
        path = os.path.join(self.folder, f"{number}.zip")
        if os.path.exists(path) or self.stop.is_set():
            return
        url = f"{self.base}/{number}.zip"
        part = path + ".part"
        try:
            self._download(url, part)
        except OSError as error:
            raise UserError(
                f"Cannot write {part}: {error.strerror or error}."
            ) from error
        os.replace(part, path)
        self.any_success = True

    def _download(self, url, part):
        for attempt in range(_ATTEMPTS):
            self.pause.keep(self.stop)
            if self.stop.is_set():
                raise UserError(f"{url} was not fetched: stopped.")
            try:
                limit = archive.MAX_UNPACKED_BYTES
                data_fetch.download(url, part, limit=limit, show=False)
                self._verify(url, part)
                return
            except UserError as error:
                wait = self._judge(error, attempt)
                last = attempt == _ATTEMPTS - 1
                if last and _no_connection(error) and not self.any_success:
                    self.stop.set()
                    raise _Refused(str(error)) from error
                if wait is None or last:
                    raise
                self.pause.extend(wait)

    def _verify(self, url, part):
        """Removes what came and is wrong: continuing it would not help."""
        try:
            files.check_not_html(part)
            with archive.open_archive(part) as opened:
                opened.verify()
        except UserError as error:
            with contextlib.suppress(FileNotFoundError):
                os.remove(part)
            raise UserError(f"Cannot use {url}: {error}") from error

    def _judge(self, error, attempt):
        """Returns the seconds to wait before another attempt; None gives up."""
        cause = error.__cause__
        code = getattr(cause, "code", None)
        if code in _REFUSALS and not self.any_success:
            advice = REFUSED if self.base == PUBLIC_BASE else "Name another --base."
            self.stop.set()
            raise _Refused(f"{error} {advice}") from error
        own_wait = min(self.first_wait * 2**attempt, _LONGEST_WAIT_SECONDS)
        if code in _ASK_TO_WAIT:
            asked = _retry_after(cause.headers.get("Retry-After"))
            return min(max(asked, own_wait), _LONGEST_WAIT_SECONDS)
        if code is not None or isinstance(_reason(cause), FileNotFoundError):
            return None
        if isinstance(error, data_fetch.TooLongError):
            return None
        # A connection that broke, or a file that came wrong: once more from the start.
        if isinstance(cause, UserError) and attempt >= 1:
            return None
        return own_wait


def _no_connection(error):
    # urllib's own wrapping; what breaks later, while reading, comes as it is.
    cause = error.__cause__
    return isinstance(cause, urllib.error.URLError) and not hasattr(cause, "code")


def _reason(error):
    return getattr(error, "reason", error)


def _retry_after(text):
    """Returns the seconds that a Retry-After header asks for, 0 if it is none."""
    try:
        return max(0.0, float(text))
    except (TypeError, ValueError):
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, moment - time.time())


def _address(base):
    """Returns an address without a slash at its end; a folder becomes file://."""
    if os.path.isdir(base):
        return Path(base).resolve().as_uri()
    if urllib.parse.urlsplit(base).scheme not in ("http", "https", "file"):
        raise UserError(
            f"--base={base} is neither a folder nor an address; give such as "
            "https://host/folder or file:///folder."
        )
    return base.rstrip("/")
