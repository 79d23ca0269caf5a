# SPDX-License-Identifier: Apache-2.0
"""The command `rtc` in a process of its own, as a user runs it."""

import os
import subprocess
import sys


def rtc(*arguments, cwd=None, **environment):
    """Returns the completed process; PYTHONPATH is put before the test's own."""
    paths = [environment.pop("PYTHONPATH", ""), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "rtc_plugin.commands", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            **environment,
        },
    )
