# SPDX-License-Identifier: Apache-2.0
"""What is set before TensorFlow is loaded."""

import os
import platform

import pytest

from rtc_plugin.compat import process


@pytest.mark.parametrize(
    ("machine", "before", "after"),
    [
        ("x86_64", None, "1"),
        ("AMD64", None, "1"),
        ("x86_64", "0", "0"),
        ("arm64", None, None),
    ],
)
def test_onednn_is_used_on_x86_unless_the_user_says_no(
    monkeypatch, machine, before, after
):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if before is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", before)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    process.use_onednn()
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == after
