# SPDX-License-Identifier: Apache-2.0
"""RTC-VAE and better total-correlation measurements for disentanglement_lib.

Importing this package is light: it arms the import hook, `rtc_plugin.hook`
(an installed copy has armed it already, by its `.pth` file) and nothing else. The
plugin's models, data sets and metrics register themselves with gin when the part of
`disentanglement_lib` that uses them is imported.
"""

from rtc_plugin import hook

__version__ = "0.1.0"

hook.arm()
