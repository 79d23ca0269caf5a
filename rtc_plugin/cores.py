# SPDX-License-Identifier: Apache-2.0
"""How many cores there are to work on."""

import os


def num_usable_cores():
    """Returns how many cores this process may use."""
    # Not every system lets a process be kept to some of its cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
