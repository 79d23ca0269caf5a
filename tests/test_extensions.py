# SPDX-License-Identifier: Apache-2.0
"""What docs/extending.md says a package may add is known to the commands."""

import importlib.metadata
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from rtc_plugin import extensions
from rtc_plugin.errors import UserError

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "extending.md"
BIN = os.path.dirname(sys.executable)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The page's package as pip would leave it, for PYTHONPATH."""
    root = tmp_path_factory.mktemp("site")
    text = PAGE.read_text()
    blocks = re.findall(r"```(toml|python)\n(.*?)```", text, re.S)
    (pyproject,), sources = (
        [source for kind, source in blocks if kind == wanted]
        for wanted in ("toml", "python")
    )
    (root / "mine").mkdir()
    (root / "mine" / "__init__.py").touch()
    for name, source in zip(("data", "model", "measure"), sources):
        (root / "mine" / f"{name}.py").write_text(source)
    info = root / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    groups = re.sub(r'\[project.entry-points."(.*)"\]', r"[\1]", pyproject)
    groups = groups[groups.index("[rtc_plugin") :]
    (info / "entry_points.txt").write_text(groups.replace('"', ""))
    return root


def commands():
    """The page's commands, with trainings and evaluations of hardly anything."""
    (script,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    few = {
        "dlib_train": ["model.training_steps = 2", "model.batch_size = 8"]
        + ["model.eval_steps = 1"],
        "dlib_evaluate": ["mean_norm.num_train = 50", "mean_norm.order = 1"],
    }
    for line in script.replace("\\\n", " ").strip().splitlines():
        command, *flags = shlex.split(line)
        flags += [f"--gin_bindings={binding}" for binding in few.get(command, [])]
        yield [sys.executable, os.path.join(BIN, command), *flags]


def test_the_page_s_package_is_trained_and_measured(package, tmp_path):
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    for command in commands():
        done = subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert done.returncode == 0, done.stderr
    found = tmp_path / "out/mean_norm/results/json/evaluation_results.json"
    assert json.loads(found.read_text())["mean_norm"] > 0
    saved = (tmp_path / "out/model/results/gin/train.gin").read_text()
    assert "free_bits.bits = 0.1" in saved and "'stripes'" in saved


def test_the_page_s_data_set_has_a_different_image_for_each_factor(
    package, monkeypatch
):
    monkeypatch.syspath_prepend(str(package))
    from mine.data import Stripes

    data = Stripes()
    images = data.images_at(np.arange(data.num_images))
    assert images.shape == (256, 64, 64, 1) and set(np.unique(images)) == {0, 255}
    assert len(np.unique(images.reshape(256, -1), axis=0)) == 256


@pytest.mark.parametrize("kind", [extensions.DATA, extensions.METHODS])
def test_nothing_is_found_where_nothing_is_installed(kind):
    assert extensions.find(kind) == {}


def test_an_extension_that_cannot_be_imported_is_named():
    entry = importlib.metadata.EntryPoint("mine", "no_such_module:x", extensions.DATA)
    with pytest.raises(UserError, match="mine = no_such_module:x.*ModuleNotFoundError"):
        extensions.load(entry)
