# SPDX-License-Identifier: Apache-2.0
"""The hook is in place at every start, and asleep until the library is imported."""

import subprocess
import sys


def run(code, cwd):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True
    )


def test_an_installed_copy_arms_the_hook_before_the_first_line(tmp_path):
    code = "import sys; print(type(sys.meta_path[0]).__module__)"
    assert run(code, tmp_path).stdout.strip() == "rtc_plugin.hook"


def test_a_python_without_the_library_loads_two_small_modules_more(tmp_path):
    code = """
import sys
ours = {name for name in sys.modules if name.startswith("rtc_plugin")}
assert ours == {"rtc_plugin", "rtc_plugin.hook"}, ours
import json, xml.dom  # imports go their way
assert "tensorflow" not in sys.modules and "numpy" not in sys.modules
"""
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_other_packages_stay_as_they_are_until_the_library_is_imported(tmp_path):
    code = """
import sys, gin, PIL.Image, scipy.cluster.hierarchy as hierarchy
before = (gin.configurable, gin.config.parse_config_file)
try:
    import tensorflow_probability
except Exception as error:
    assert "rtc_plugin" not in repr(error)
else:
    assert "rtc_plugin" not in repr(tensorflow_probability.__spec__.loader)
assert not any("StandIn" in type(finder).__name__ for finder in sys.meta_path)
import disentanglement_lib
assert gin.configurable is not before[0]
assert gin.config.parse_config_file is not before[1]
assert hasattr(PIL.Image, "ANTIALIAS") and hasattr(hierarchy, "_plot_dendrogram")
"""
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_source_and_resources_of_patched_modules_are_still_found(tmp_path):
    code = """
import inspect
from importlib import resources
import disentanglement_lib.utils.results as results
assert "def gin_dict" in inspect.getsource(results)
assert resources.files(results.__package__).joinpath("results.py").is_file()
"""
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_graphs_are_back_even_if_eager_operations_have_run(tmp_path):
    code = """
import tensorflow as tf
tf.constant(1) + 1
import disentanglement_lib
assert not tf.executing_eagerly()
assert not hasattr(tf.constant(1), "numpy")
"""
    result = run(code, tmp_path)
    assert result.returncode == 0, result.stderr
