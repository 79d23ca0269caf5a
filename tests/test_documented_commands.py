# SPDX-License-Identifier: Apache-2.0
"""What pages and gin files name is there: commands, their flags, files."""

import re
import sys
from pathlib import Path

import click
import pytest

from rtc_plugin.commands.main import rtc

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


def find_rtc(text):
    """Yields the words after `rtc` of each line that is such a command."""
    text = re.sub(r"\\\n[#\s]*", " ", text)
    for line in re.findall(r"^[#\s]*rtc +(.*)$", text, re.M):
        yield re.split(r"\s#|[|;>]", line)[0].split()


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.is_file()], ids=lambda p: p.name
)
def test_verbs_and_their_flags_exist(page):
    for words in find_rtc(page.read_text()):
        command, shown = rtc, "rtc " + " ".join(words)
        while isinstance(command, click.Group) and words:
            name = words.pop(0)
            assert name in command.commands, shown
            command = command.commands[name]
        known = {name for option in command.params for name in option.opts}
        flags = {word.split("=")[0] for word in words if word.startswith("-")}
        assert flags <= known | {"--help"}, shown


@pytest.mark.parametrize("page", [p for p in PAGES if p.suffix == ".md"], ids=str)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path = link.partition("#")[0]
        # Of the site's pages the reference is made when the site is.
        if path and "://" not in link and not path.startswith("reference/"):
            assert (page.parent / path).exists(), link


def test_commands_are_found():
    page = (ROOT / "gin" / "studies" / "conditional_independence.gin").read_text()
    assert list(find_commands(page)) == [
        ("dlib_train", ["gin_config", "model_dir", "gin_bindings", "gin_bindings"]),
        ("dlib_postprocess", ["gin_config", "model_dir", "output_dir"]),
        ("dlib_evaluate", ["gin_config", "input_dir", "output_dir", "gin_bindings"]),
    ]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_verbs_are_found():
    found = [words for page in PAGES for words in find_rtc(page.read_text())]
    assert len(found) > 30
    assert list(find_rtc("    rtc study run \\\n  --x=1  # why\n`rtc zoo`")) == [
        ["study", "run", "--x=1"]
    ]
