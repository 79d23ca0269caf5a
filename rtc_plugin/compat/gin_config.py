# SPDX-License-Identifier: Apache-2.0
"""gin-config: names that 0.5 changed, includes, and TensorFlow's new arguments."""

import functools
import inspect
import logging
import os
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
        beside = [os.path.dirname(path) for path in reversed(including)]
        path = configs.find(config_file, beside)
        named = f"--gin_config={config_file}"
        if including:
            named = f"{including[-1]}: include '{config_file}'"
        if path in including:
            raise UserError(f"{named}: the file includes itself; take that line out.")
        if os.path.isdir(config_file):
            # TensorFlow's reader would find nothing wrong.
            raise UserError(f"{named}: that is a folder; give a gin file.")
        including.append(path or config_file)
        try:
            if path is None:
                return _parse_unfound(stock_parse, config_file, *args, **kwargs)
            return stock_parse(path, *args, **kwargs)
        except FileNotFoundError as error:
            hint = configs.suggest(config_file)
            raise UserError(f"{named}: there is no such file; {hint}") from error
        except OSError as error:
            raise UserError(
                f"{named}: it cannot be read ({error.strerror})."
            ) from error
        except UnicodeDecodeError as error:
            raise UserError(f"{named}: it is no text; give a gin file.") from error
        except (tokenize.TokenError, IndentationError) as error:
            # Python reads the tokens for gin, and does not know the name of the file.
            raise UserError(f"{named}: {error.args[0]}; mend the file.") from error
        finally:
            including.pop()

    config.parse_config_file = gin.parse_config_file = parse_config_file


def _parse_unfound(stock_parse, config_file, *args, **kwargs):
    """Has gin's own readers try, which know packages and TensorFlow's file systems."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        return stock_parse(config_file, *args, **kwargs)
    except OSError as error:
        raise FileNotFoundError(str(error)) from error
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
