# SPDX-License-Identifier: Apache-2.0
"""gin-config: 0.5 renamed two arguments that the library uses by their old names."""

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
