# SPDX-License-Identifier: Apache-2.0
"""The stand-ins are there on every stack, also where the real modules are."""

import types

import imageio
import numpy as np
import pytest

from rtc_plugin.compat import missing_modules, stack

STAND_INS = {**missing_modules.MISSING, **missing_modules.BROKEN}


@pytest.mark.parametrize("name", STAND_INS)
def test_each_missing_module_is_filled(name):
    finder = missing_modules._StandInFinder(STAND_INS)
    spec = finder.find_spec(name)
    module = types.ModuleType(name)
    spec.loader.exec_module(module)
    _, names = STAND_INS[name] or (None, [])
    assert all(hasattr(module, name) for name in names)
    assert (spec.submodule_search_locations is not None) == (not names)


def test_a_folder_is_copied_into_one_that_is_there(tmp_path):
    (tmp_path / "old/inner").mkdir(parents=True)
    (tmp_path / "old/inner/file").write_text("1")
    (tmp_path / "new").mkdir()
    for _ in range(2):
        stack.copy_tree(str(tmp_path / "old"), str(tmp_path / "new"))
    assert (tmp_path / "new/inner/file").read_text() == "1"


def test_resources_of_an_installed_package_are_found():
    assert stack.resource_isdir("rtc_plugin", "compat")
    assert not stack.resource_isdir("rtc_plugin", "no_such_folder")
    assert "stack.py" in stack.resource_listdir("rtc_plugin", "compat")


def test_an_animation_of_floats_is_written(tmp_path):
    visualize_util = types.SimpleNamespace(imageio=imageio)
    stack.write_float_frames(visualize_util)
    frames = [np.full([4, 4, 3], value) for value in (0.0, 1.0)]
    visualize_util.imageio.mimwrite(str(tmp_path / "a.gif"), frames, fps=10)
    assert [frame.max() for frame in imageio.mimread(tmp_path / "a.gif")] == [0, 255]
