# SPDX-License-Identifier: Apache-2.0
import os

import fake_study
import pytest

from rtc_plugin.studies import model_steps


@pytest.fixture
def fake_steps(monkeypatch):
    """Has studies take the steps of `fake_study`, in worker processes, too."""
    monkeypatch.setattr(model_steps, "plan", fake_study.plan)
    folder = os.path.dirname(fake_study.__file__)
    monkeypatch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
