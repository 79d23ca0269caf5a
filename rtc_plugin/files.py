# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there."""

import contextlib
import os


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
