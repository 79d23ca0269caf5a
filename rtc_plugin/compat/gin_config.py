# SPDX-License-Identifier: Apache-2.0
"""gin-config: names that 0.5 changed, includes, and TensorFlow's new arguments."""

import contextlib
import functools
import inspect
import logging
import os
import stat
import tokenize

from rtc_plugin import configs
from rtc_plugin.errors import UserError


def accept_old_keywords(gin):
    """Lets `gin.configurable` take `whitelist` and `blacklist` (gin-config >= 0.5)."""
    if "whitelist" in inspect.signature(gin.configurable).parameters:
        return
    configurable = gin.configurable

    @functools.wraps(configurable)
    def with_old_keywords(*args, whitelist=None, blacklist=None, **kwargs):
        if whitelist is not None:
            kwargs["allowlist"] = whitelist
        if blacklist is not None:
            kwargs["denylist"] = blacklist
        return configurable(*args, **kwargs)

    gin.configurable = with_old_keywords


def find_files_anywhere(gin):
    """Finds files from any folder and says which one is wrong (every gin-config).

    gin looks in the working folder only, so that a file with an `include` works from
    one folder and not from any other. An `include` looks beside the including files
    first; for the rest see `rtc_plugin.configs`.
    """
    config = gin.config
    stock_parse = config.parse_config_file
    including = []

    @functools.wraps(stock_parse)
    def parse_config_file(config_file, *args, **kwargs):
        with named_faults(config_file, including):
            path = locate(config_file, including) or config_file
            including.append(path)
            try:
                return stock_parse(path, *args, **kwargs)
            finally:
                including.pop()

    config.parse_config_file = gin.parse_config_file = parse_config_file


def locate(name, including):
    """Finds a gin file.

    Args:
        name: What the flag or the `include` says.
        including: Paths of the files that it is included in, the outermost first.

    Returns:
        Its path, or None if it is one for gin's own readers, which know packages and
        TensorFlow's file systems.

    Raises:
        UserError: If there is none, or it is one of `including`.
    """
    path = configs.find(name, [os.path.dirname(path) for path in reversed(including)])
    if path in including:
        raise UserError(
            f"{_as_named(name, including)}: the file includes itself; take that line "
            "out."
        )
    if path is None and os.path.exists(name):
        mode = os.stat(name).st_mode
        # Of a folder TensorFlow's reader would find nothing wrong, and of a device it
        # might never find the end. A pipe of the shell's is in order.
        if stat.S_ISDIR(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            kind = "folder" if stat.S_ISDIR(mode) else "device"
            raise UserError(
                f"{_as_named(name, including)}: that is a {kind}; give a gin file."
            )
    if path is None and not _gin_knows(name):
        raise UserError(
            f"{_as_named(name, including)}: there is no such file; "
            f"{configs.suggest(name)}"
        )
    return path


@contextlib.contextmanager
def named_faults(name, including):
    """Raises a `UserError` that names the file for what reading it may raise.

    Args:
        name: As for `locate`.
        including: As for `locate`.
    """
    try:
        yield
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})."
    except UnicodeDecodeError:
        fault = "it is no text; give a gin file."
    except (tokenize.TokenError, IndentationError) as error:
        # Python reads the tokens for gin, and does not know the name of the file.
        fault = f"{error.args[0]}; mend the file."
    else:
        return
    raise UserError(f"{_as_named(name, including)}: {fault}")


def _as_named(name, including):
    return f"{including[-1]}: include '{name}'" if including else f"--gin_config={name}"


def _gin_knows(name):
    from gin import config

    disabled = logging.root.manager.disable
    # It logs what it does not find as an error.
    logging.disable(logging.ERROR)
    try:
        return "://" in name or any(exists(name) for _, exists in config._FILE_READERS)
    finally:
        logging.disable(disabled)


# Arguments that TensorFlow 1 did not have; gin would write them, with their defaults,
# into every configuration and so add keys to the result files.
_NEW_ARGUMENTS = {"use_own_namescope_for_non_slot_vars"}


def hide_new_optimizer_arguments(gin):
    """Keeps new arguments of Adam out of the saved configurations (TensorFlow 2.2x)."""
    config = gin.config
    external_configurable = config.external_configurable

    @functools.wraps(external_configurable)
    def register(name_or_fn, *args, **kwargs):
        if inspect.isclass(name_or_fn):
            parameters = inspect.signature(name_or_fn.__init__).parameters
            new = _NEW_ARGUMENTS & set(parameters)
            if new and not kwargs.get("denylist"):
                kwargs["denylist"] = sorted(new)
        return external_configurable(name_or_fn, *args, **kwargs)

    config.external_configurable = gin.external_configurable = register


def bindable_parameters(item):
    """Returns the `inspect.Parameter`s of a configurable that bindings may set.

    Args:
        item: Value of gin's registry.
    """
    return [
        parameter
        for name, parameter in inspect.signature(item.wrapped).parameters.items()
        if name != "self"
        and name not in (item.denylist or ())
        and name in (item.allowlist or [name])
    ]
