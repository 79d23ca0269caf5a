# SPDX-License-Identifier: Apache-2.0
"""The runner of the library's own tests, and the quickest of these tests."""

import pathlib
import runpy
import subprocess
import sys
import types

import pytest

from rtc_plugin.errors import UserError

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "upstream_tests"
upstream_tests = types.SimpleNamespace(**runpy.run_path(str(SCRIPT)))

PASSES = """
from absl.testing import absltest
class Passes(absltest.TestCase):
    def test_one(self): pass
    def test_two(self): pass
absltest.main()
"""


@pytest.fixture
def library(tmp_path):
    files = {
        "passes_test.py": PASSES,
        "metrics/fails_test.py": PASSES.replace(
            "test_two(self): pass", "test_two(self): 1/0"
        ),
        "metrics/crashes_test.py": "import no_such_module",
        "metrics/module.py": "raise AssertionError('not a test')",
    }
    for name, content in files.items():
        path = tmp_path / "library" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return str(tmp_path / "library")


def test_each_file_is_counted_by_its_own_tests(library, tmp_path):
    names = upstream_tests.find_tests(library)
    results = upstream_tests.run(library, names, str(tmp_path / "logs"), jobs=2)
    assert [(r.name, r.tests, r.failures) for r in results] == [
        ("metrics/crashes_test.py", 0, 1),
        ("metrics/fails_test.py", 2, 1),
        ("passes_test.py", 2, 0),
    ]
    assert "no_such_module" in pathlib.Path(results[0].log).read_text()
    table = upstream_tests.tabulate(results).splitlines()
    assert table[4].split()[:4] == ["3", "files", "4", "2"]
    assert sum(line.startswith("failed: ") for line in table) == 2


def test_the_installed_library_has_28_test_files():
    library = upstream_tests.find_library()
    names = upstream_tests.find_tests(library)
    assert len(names) == 28
    assert tuple(names[: len(upstream_tests.SLOW)]) == upstream_tests.SLOW
    fast = upstream_tests.find_tests(library, fast=True)
    assert set(names) - set(fast) == set(upstream_tests.SLOW)


def test_a_name_that_no_file_has_is_refused(library):
    with pytest.raises(UserError, match="matches nothing_like_it"):
        upstream_tests.find_tests(library, patterns=["nothing_like_it"])


def test_the_script_runs_the_librarys_tests_and_says_where_its_output_is(tmp_path):
    command = [sys.executable, str(SCRIPT), f"--output_dir={tmp_path}", "--jobs=2"]
    done = subprocess.run(
        [*command, "visualize_util_test", "util_test"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(tmp_path) in done.stdout
    assert (tmp_path / "results.json").exists()
    assert (
        subprocess.run([*command, "no_such_test"], capture_output=True).returncode == 1
    )
