# SPDX-License-Identifier: Apache-2.0
"""What `rtc` says and does where neither TensorFlow nor the library is installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rtc_plugin.commands
from rtc_plugin.compat.commands import _IN_EXTRAS

# None in `sys.modules`: an import fails as if there were no such package.
WITHOUT = (
    f"import sys; sys.modules.update(dict.fromkeys({sorted(_IN_EXTRAS)}))\n"
    "from rtc_plugin.commands.main import main; sys.exit(main(sys.argv[1:]))"
)
NEED_THEM = {
    "visualize --model_dir=m -o f --trust": "tf-cpu",
    "data check shapes3d -o sheet.png": "h5",
}


def rtc(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("line", NEED_THEM)
def test_a_verb_that_needs_an_extra_names_it_in_one_line(line, tmp_path):
    done = rtc(*line.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"pip install 'rtc_plugin[{NEED_THEM[line]}]'" in done.stderr


def test_measure_and_the_help_need_none(tmp_path):
    z = np.random.default_rng(0).standard_normal((100, 3))
    np.savez(tmp_path / "codes.npz", codes=z, logvar=-np.ones_like(z))
    done = rtc("measure", "codes.npz", "--metrics=tc_disparity", cwd=tmp_path)
    assert done.returncode == 0 and "tc_sample" in done.stdout, done.stderr
    assert rtc("--help", cwd=tmp_path).returncode == 0


def test_it_is_the_packages_of_the_extras_that_are_missed():
    text = (Path(rtc_plugin.__file__).parents[1] / "setup.py").read_text()
    light = text[text.index("install_requires") : text.index("extras_require")]
    extras = text.replace(light, "")
    named = {"gin": "gin-config", "absl": "absl-py"}
    for package in _IN_EXTRAS:
        name = named.get(package, package.replace("_", "-"))
        assert f'"{name}' in extras and f'"{name}' not in light
