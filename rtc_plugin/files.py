# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, and folders for them."""

import contextlib
import os

from rtc_plugin.errors import UserError


@contextlib.contextmanager
def whole_file(path):
    """Yields the path to write to; it becomes `path` when all has gone well.

    Args:
        path: Path of the file to make; its folder is made, an older file is replaced.

    Yields:
        Path, a string, of a file beside it that ends in the same way, since some
        writers choose their format by it.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    # The process id keeps two writers apart.
    partial = os.path.join(folder, f".{os.getpid()}.partial.{name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def make_folder(flag, folder, path=None):
    """Makes a folder that the user has named, if it is not there.

    Args:
        flag: The flag that names it, for the message.
        folder: Its path.
        path: What to make instead, such as the folder above it.

    Raises:
        UserError: If it cannot be made.
    """
    try:
        os.makedirs(path or folder, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{flag}={folder} cannot be made ({error.strerror}); give a folder that "
            "you may write to."
        ) from error
