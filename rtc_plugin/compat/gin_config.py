# SPDX-License-Identifier: Apache-2.0
"""gin-config: names that 0.5 changed, includes, and TensorFlow's new arguments."""

import functools
import inspect
import os

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
        beside = [os.path.dirname(path) for path in reversed(including)]
        path = configs.find(config_file, beside)
        where = f"{including[-1]}: include '" if including else "--gin_config="
        named = f"{where}{config_file}{where[-1] if including else ''}"
        if path in including:
            raise UserError(f"{named}: the file includes itself; take that line out.")
        # gin has readers of its own, for files in packages.
        including.append(path or config_file)
        try:
            return stock_parse(including[-1], *args, **kwargs)
        except OSError as error:
            raise UserError(f"{named}: {_fault(config_file, path, error)}") from error
        except UnicodeDecodeError as error:
            raise UserError(
                f"{named}: the file is no text; give a gin file."
            ) from error
        finally:
            including.pop()

    config.parse_config_file = gin.parse_config_file = parse_config_file


def _fault(config_file, path, error):
    if path is not None:
        return f"the file cannot be read ({error.strerror})."
    if os.path.isdir(config_file):
        return "that is a folder; give a gin file."
    return f"there is no such file; {configs.suggest(config_file)}"


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
