# SPDX-License-Identifier: Apache-2.0
"""`python -m rtc_plugin.commands` is `rtc`."""

import sys

from rtc_plugin.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
