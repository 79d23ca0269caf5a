# SPDX-License-Identifier: Apache-2.0
"""How the commands speak to the user when something is wrong."""

import logging
import os
import re
import sys
import traceback
import warnings

# Packages that call what TensorFlow has since renamed.
_OLD_CALLERS = r"(disentanglement_lib|rtc_plugin)\."
# What gin says about an argument that nobody has given: its name, and whose it is.
_UNSET = re.compile(
    r"No values supplied by Gin or caller for arguments: \['(\w+)'"
    r"(?:.|\n)*?In call to configurable '([\w.]+)'"
)


def is_command():
    """Tells whether this process is one of the library's or the plugin's commands."""
    name = os.path.basename(sys.argv[0] or "")
    return name == "rtc" or name.startswith(("dlib_", "rtc_"))


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
    warnings.filterwarnings("ignore", message=".*is deprecated", module=_OLD_CALLERS)


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


def _excepthook(kind, error, trace):
    message = explain(error, trace)
    if message is None or _wants_traceback():
        traceback.print_exception(kind, error, trace)
    else:
        print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)


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


def _raising_package(trace):
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
