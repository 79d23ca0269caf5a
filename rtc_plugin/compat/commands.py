# SPDX-License-Identifier: Apache-2.0
"""How the commands speak to the user when something is wrong."""

import contextlib
import ctypes
import errno
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings

# Packages that call what TensorFlow has since renamed.
_OLD_CALLERS = r"(disentanglement_lib|rtc_plugin)\."
# What gin says about an argument that nobody has given: its name, and whose it is.
_UNSET = re.compile(
    r"No values supplied by Gin or caller for arguments: \['(\w+)'"
    r"(?:.|\n)*?In call to configurable '([\w.]+)'"
)
# What TensorFlow says of a machine without GPU, and of its own parts being linked
# twice. No `TF_CPP_MIN_LOG_LEVEL` hides it, or only one that hides real errors, too.
_NO_NEWS = "|".join(
    (
        "All log messages before absl::InitializeLog",
        "Could not find cuda drivers on your machine",
        "Unable to register cu[A-Z]+ factory",
        "computation placer already registered",
    )
)
# What a disk, or who looks after it, refuses.
_REFUSALS = (errno.EIO, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG)
_NO_DRIVER = "failed call to cuInit"
# What the extras of setup.py bring, without which arrays can be measured all the same.
_IN_EXTRAS = {
    "absl",
    "disentanglement_lib",
    "gin",
    "h5py",
    "tensorboard",
    "tensorflow",
    "tensorflow_hub",
    "tf_keras",
}


def command():
    """Returns the name of the command that this process is, or of its program."""
    return os.path.basename(sys.argv[0] or "")


def is_command():
    """Tells whether this process is one of the library's or the plugin's commands."""
    return command() == "rtc" or command().startswith(("dlib_", "rtc_"))


def quieten_tensorflow():
    """Has the commands show, beside their own progress, only what went wrong.

    TensorFlow logs each step and each of its own deprecations, twice over. Setting
    `TF_CPP_MIN_LOG_LEVEL=0` brings all of it back. Other programs that import the
    library keep their own settings.
    """
    if not is_command() or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    # Before TensorFlow is imported, and it replaces no level that is set already.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # It names the folder that is not yet the final one.
    logging.getLogger("absl").addFilter(
        lambda record: not str(record.msg).startswith("Exported TF-Hub module")
    )
    warnings.filterwarnings("ignore", message=".*is deprecated", module=_OLD_CALLERS)


@contextlib.contextmanager
def hide_news_of_no_gpu():
    """Has the commands load TensorFlow without its words on a GPU that is not there.

    They bypass Python and come before anything could be set, so they are taken off
    standard error by grep: a process of its own still shows the last words of a crash.
    With a driver, everything on the GPU is shown.
    """
    grep = shutil.which("grep")
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    if not is_command() or level != "1" or not grep or sys.stderr is None:
        yield
        return
    has_driver = _has_cuda_driver()
    lines = _NO_NEWS if has_driver else f"{_NO_NEWS}|{_NO_DRIVER}"
    stderr = os.dup(2)
    # Ctrl-C is not for it: it ends when this process has closed its end.
    filtering = subprocess.Popen(
        [grep, "-vE", lines],
        stdin=subprocess.PIPE,
        stdout=stderr,
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,
    )
    os.dup2(filtering.stdin.fileno(), 2)
    filtering.stdin.close()
    try:
        yield
        if not has_driver:
            # Now, as otherwise the first session would.
            sys.modules["tensorflow"].config.list_physical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        filtering.wait()


def _has_cuda_driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def explain_errors():
    """Has the commands end in one line where the user can mend the error.

    `--debug` brings the traceback back. Other programs that import the library keep
    their own way of reporting.
    """
    if not is_command():
        return
    from absl import flags

    if "debug" not in flags.FLAGS:
        flags.DEFINE_boolean("debug", False, "Show the traceback of a user error.")
    sys.excepthook = _excepthook
    # A worker's runner tells by the signal how it has ended.
    if command() != "rtc_worker":
        exit_at_sigterm()


def _excepthook(kind, error, trace):
    message = explain(error, trace)
    if message is None or _wants_traceback():
        traceback.print_exception(kind, error, trace)
    else:
        print(f"{command()}: {message}", file=sys.stderr)


def _wants_traceback():
    from absl import flags

    return flags.FLAGS.is_parsed() and (flags.FLAGS.debug or flags.FLAGS.verbosity > 0)


def explain(error, trace=None):
    """Returns one line for an error that the user can mend, None for any other.

    Args:
        error: The exception.
        trace: Its traceback; tells gin's own errors from others of their type.
    """
    from rtc_plugin.errors import UserError

    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted."
    # gin adds to the message which call of which configurable failed.
    lines = [line.strip() for line in str(error).splitlines()]
    first = next(filter(None, lines), "")
    if isinstance(error, UserError):
        return first
    disk = _explain_disk(error)
    if disk is not None:
        return disk
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package == "h5py":
            return "this needs h5py: pip install 'rtc_plugin[h5]'."
        if package in _IN_EXTRAS:
            return (
                f"this needs {package}, which is not installed: pip install "
                "'rtc_plugin[tf-cpu]', or [tf-gpu] for CUDA; `rtc measure` works "
                "without."
            )
    if first == "Directory already exists and overwrite is False.":
        return "the output folder exists already; give another or --overwrite."
    raised_in = _raising_package(trace)
    if raised_in == "gin":
        if isinstance(error, SyntaxError):
            where = error.filename or "--gin_bindings"
            return f"gin: {error.msg} ({where}: {(error.text or '').strip()})"
        unset = _UNSET.search(str(error))
        if unset:
            binding = f"{unset[2]}.{unset[1]}"
            return (
                f"gin: {binding} has no value; give a gin file that sets it, or "
                f'--gin_bindings="{binding} = ...".'
            )
        return "gin: " + " ".join(line for line in lines if "In call to" not in line)
    return None


def _explain_disk(error):
    """Returns one line for what a disk refuses, None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    # TensorFlow has errors of its own.
    if number == errno.ENOSPC or "No space left on device" in str(error):
        where = getattr(error, "filename", None) or tempfile.gettempdir()
        folder = os.path.abspath(where)
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        free = shutil.disk_usage(folder).free
        return (
            f"{where}: no space is left on a disk; {free / 1e6:,.0f} MB are free "
            "there. Make room, there and for temporary files (TMPDIR), and run the "
            "same command again."
        )
    if number in _REFUSALS and error.filename:
        return (
            f"{error.filename}: {error.strerror}; give a place that can be written, or "
            "mend it, and run the same command again."
        )
    return None


def exit_at_sigterm():
    """Has SIGTERM end a command as an exception does, so that it can clean up."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _raising_package(trace):
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
