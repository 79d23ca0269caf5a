# SPDX-License-Identifier: Apache-2.0
"""The commands of the library that pages and gin files show take the flags shown."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("gin/**/*.gin")]


def find_commands(text):
    """Yields (command, flags) of each line, continued lines joined."""
    text = re.sub(r"\\\n[#\s]*", "", text)
    for command, arguments in re.findall(r"\b(dlib_\w+)((?: +\S.*)?)", text):
        yield command, re.findall(r"(?<=\s)--(\w+)(?=[=\s])", arguments.split("`")[0])


def read_flags(command):
    path = Path(sys.executable).parent / command
    if not path.exists():
        return None
    return set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', path.read_text()))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.is_file()], ids=lambda p: p.name
)
def test_flags_exist(page):
    for command, flags in find_commands(page.read_text()):
        known = read_flags(command)
        assert known is None or set(flags) <= known, (command, flags)


def test_commands_are_found():
    page = (ROOT / "gin" / "studies" / "conditional_independence.gin").read_text()
    assert list(find_commands(page)) == [
        ("dlib_train", ["gin_config", "model_dir", "gin_bindings", "gin_bindings"]),
        ("dlib_postprocess", ["gin_config", "model_dir", "output_dir"]),
        ("dlib_evaluate", ["gin_config", "input_dir", "output_dir", "gin_bindings"]),
    ]
