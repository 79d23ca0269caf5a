# SPDX-License-Identifier: Apache-2.0
"""Files and folders that are whole or not there, and locks on them."""

import contextlib
import glob
import os
import re
import shutil
import tempfile
import time

from rtc_plugin.errors import UserError

# How a folder's name ends that is not, or no longer, the one to read.
PARTIAL = ".partial"
LOCK_FILE = "lock"
_ORPHAN_SECONDS = 60


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
    _remove_orphans(folder, name)
    try:
        with _naming(path):
            yield partial
            os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def _remove_orphans(folder, name):
    """Removes what dead processes have left of a file.

    A process of another machine looks dead here; a file of the last minute stays.
    """
    for path in glob.glob(os.path.join(glob.escape(folder), ".*.partial.*")):
        found = re.fullmatch(r"\.(\d+)\.partial\.(.*)", os.path.basename(path))
        if not found or found[2] != name:
            continue
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path).st_mtime < _ORPHAN_SECONDS:
                continue
            try:
                os.kill(int(found[1]), 0)
            except ProcessLookupError:
                os.remove(path)


@contextlib.contextmanager
def _naming(path):
    """Has a failed write, which the system reports without a name, name its path."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


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


def check_free(flag, folder, overwrite):
    """Checks that an output folder may be written.

    Args:
        flag: The flag that names the folder, for the message.
        folder: Its path.
        overwrite: Whether an existing folder may be replaced.

    Raises:
        UserError: If the folder is not given, exists and may not be replaced, is a
            file, or cannot be made.
    """
    if not folder:
        raise UserError(f"{flag} is missing; say where the output should go.")
    restore_replaced(folder)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UserError(f"{flag}={folder} is no folder; give another.")
    if os.path.exists(folder) and not overwrite:
        raise UserError(
            f"{flag}={folder} exists already; give another folder, or --overwrite to "
            "replace it."
        )
    parent = os.path.dirname(os.path.abspath(folder))
    make_folder(flag, folder, parent)
    try:
        # Permissions alone don't tell: the disk may be read-only, the folder no disk's.
        tempfile.TemporaryFile(dir=parent).close()
    except OSError as error:
        raise UserError(
            f"{flag}={folder} cannot be made: {parent} is not writable "
            f"({error.strerror}); give a folder that you may write to."
        ) from error


def check_writable(flag, path):
    """Checks before a long computation that a file can be written at its end.

    Args:
        flag: The flag that names the file, for the message.
        path: Its path; its folder is made.

    Raises:
        UserError: It is a folder, or its folder cannot be made or written to.
    """
    if os.path.isdir(path):
        raise UserError(f"{flag} {path}: is a folder; give a file.")
    folder = os.path.dirname(os.path.abspath(path))
    make_folder(flag, folder)
    if not os.access(folder, os.W_OK):
        raise UserError(f"{flag} {path}: {folder} is not writable; give another.")


@contextlib.contextmanager
def whole_folder(flag, folder, overwrite=False):
    """Yields the path to write to; it becomes `folder` when all has gone well.

    Args:
        flag: The flag that names the folder, for messages.
        folder: Path of the folder to make.
        overwrite: Whether an existing folder is replaced. It stays what it is until
            then.

    Yields:
        Path of a folder beside it, not existing yet.

    Raises:
        UserError: As `check_free` and `only_writer`.
    """
    check_free(flag, folder, overwrite)
    with only_writer(flag, folder):
        # Another process may have written it before the lock was ours.
        check_free(flag, folder, overwrite)
        partial = folder.rstrip("/") + PARTIAL
        shutil.rmtree(partial, ignore_errors=True)
        try:
            with _naming(folder):
                yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        replace_folder(partial, folder)


@contextlib.contextmanager
def only_writer(flag, folder):
    """Keeps every other process from writing a folder meanwhile.

    Args:
        flag: The flag that names the folder, for the message.
        folder: Its path; the lock is beside it, `<folder>.lock.partial`.

    Raises:
        UserError: Another process writes it.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    lock = f"{name}.lock{PARTIAL}"
    with locked(parent, file=lock, leave=False) as is_free:
        if not is_free:
            raise UserError(
                f"{flag}={folder}: another process is writing it; wait for it or give "
                "another folder."
            )
        yield


def replace_folder(partial, folder):
    """Puts a finished folder in its place, over an older one if there is one.

    The older one is moved aside first: a process that is killed in between leaves
    both, and `restore_replaced` undoes what it has done.

    Args:
        partial: Path of the finished folder, on the same disk.
        folder: The path that it gets.
    """
    folder, replaced = folder.rstrip("/"), _replaced(folder)
    delete(replaced)
    if os.path.lexists(folder):
        os.rename(folder, replaced)
    os.rename(partial, folder)
    delete(replaced)


def restore_replaced(folder):
    """Puts a folder back that a killed `replace_folder` has left aside."""
    replaced = _replaced(folder)
    if os.path.lexists(replaced) and not os.path.lexists(folder):
        os.rename(replaced, folder)


def delete(path):
    """Deletes a file, a link or a folder, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


@contextlib.contextmanager
def locked(folder, patience=0, file=LOCK_FILE, leave=True):
    """Yields whether this process alone may work in a folder, which is made if missing.

    The system frees the lock when the process ends, however it ends.

    Args:
        folder: Its path.
        patience: Seconds to wait for the lock; `math.inf` waits as long as it takes.
        file: Name of the file in the folder that is locked. "." locks the folder itself
            and leaves nothing behind.
        leave: Whether the file stays.
    """
    import fcntl  # Not on every system.

    path = os.path.join(folder, file)
    descriptor = _open_lock(path)
    end = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_free = True
            except BlockingIOError:
                is_free = False
            except OSError:
                is_free = True  # Some network file systems have no locks.
            if is_free and not _is_at(descriptor, path):
                # Who had it before has deleted it since it was opened here.
                os.close(descriptor)
                descriptor = _open_lock(path)
                continue
            if is_free or time.monotonic() >= end:
                break
            time.sleep(0.05)
        try:
            yield is_free
        finally:
            if is_free and not leave:
                with contextlib.suppress(OSError):
                    os.remove(path)
    finally:
        os.close(descriptor)


def _open_lock(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    is_folder = os.path.basename(path) == "."
    flags = os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT
    return os.open(path, flags, mode=0o666)


def _is_at(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def is_locked(folder):
    """Returns whether a process works in a folder, see `locked`."""
    if not os.path.exists(os.path.join(folder, LOCK_FILE)):
        return False
    with locked(folder) as is_free:
        return not is_free


def _replaced(folder):
    return folder.rstrip("/") + ".replaced" + PARTIAL
