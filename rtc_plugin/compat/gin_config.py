# SPDX-License-Identifier: Apache-2.0
"""gin-config: 0.5 renamed two arguments that the library uses by their old names."""

import functools
import inspect


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
