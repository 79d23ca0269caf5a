# SPDX-License-Identifier: Apache-2.0
import os

from rtc_plugin.cores import num_usable_cores


def test_cores_are_those_that_the_process_is_kept_to():
    everywhere = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(everywhere)})
        assert num_usable_cores() == 1
    finally:
        os.sched_setaffinity(0, everywhere)
    assert num_usable_cores() == len(everywhere)


def test_systems_without_affinity_count_all_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert num_usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert num_usable_cores() == 1
