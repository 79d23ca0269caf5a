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
    """Has `include` look beside the including file too (every gin-config).

    gin looks in the working folder only, so that a file with an `include` works from
    one folder and not from any other.
    """
    config = gin.config
    parse_config_file = config.parse_config_file

    @functools.wraps(parse_config_file)
    def parse(config_file, *args, **kwargs):
        folder = os.path.dirname(os.path.abspath(config_file))
        if folder not in config._LOCATION_PREFIXES:
            config.add_config_file_search_path(folder)
        return parse_config_file(config_file, *args, **kwargs)

    config.parse_config_file = gin.parse_config_file = parse


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
