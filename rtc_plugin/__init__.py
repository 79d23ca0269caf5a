# SPDX-License-Identifier: Apache-2.0
"""RTC-VAE and better total-correlation measurements for disentanglement_lib.

    from rtc_plugin import measure

measures the codes of any model, see `rtc_plugin.measuring`; it needs NumPy and its
kin, nothing of the library.

Importing this package is light: it arms the import hook, `rtc_plugin.hook`
(an installed copy has armed it already, by its `.pth` file) and nothing else. The
plugin's models, data sets and metrics register themselves with gin when the part of
`disentanglement_lib` that uses them is imported.
"""

from rtc_plugin import hook

__version__ = "0.1.0"

hook.arm()

# What the package has that is imported when it is first asked for.
_LAZY = {"measure": "rtc_plugin.measuring"}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # Every Python of the environment starts with this module.

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__():
    return sorted({*globals(), *_LAZY})
