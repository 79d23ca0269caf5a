# SPDX-License-Identifier: Apache-2.0
"""gin-config: names that 0.5 changed, includes, and TensorFlow's new arguments."""

import functools
import inspect
import os


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


def find_includes_beside_the_file(gin):
    """Has `include` look beside the including files first (every gin-config).

    gin looks in the working folder only, so that a file with an `include` works from
    one folder and not from any other.
    """
    config = gin.config
    stock_parse = config.parse_config_file
    folders = []

    @functools.wraps(stock_parse)
    def parse_config_file(config_file, *args, **kwargs):
        path = _find_file(config_file, reversed(folders))
        folders.append(os.path.dirname(path))
        try:
            return stock_parse(path, *args, **kwargs)
        finally:
            folders.pop()

    config.parse_config_file = gin.parse_config_file = parse_config_file


def _find_file(name, folders):
    for folder in [*folders, ""]:
        path = os.path.abspath(os.path.join(folder, name))
        if os.path.exists(path):
            return path
    # gin looks in packages too.
    return name


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
