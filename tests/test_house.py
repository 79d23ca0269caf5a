# SPDX-License-Identifier: Apache-2.0
"""The floors of the package: nothing imports from above, and nothing in circles."""

import ast
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import sys
import typing

import pytest

import rtc_plugin

FOLDER = pathlib.Path(rtc_plugin.__file__).parent
# From the ground up; what stands in one line may import from each other.
FLOORS = [
    {"rtc_plugin", "hook", "errors", "files", "runs", "configs", "extensions"},
    {"total_correlation"},
    {"measures"},
    {"data", "methods", "training", "postprocessing", "evaluation", "compat", "config"},
    {"encoders", "export_encoder"},
    {"results"},
    {"visualize"},
    {"estimators", "studies", "zoo"},
    {"report"},
    {"measuring"},
    {"commands"},
]
# Arrays and tables; the minibatch forms for training are TensorFlow's by their nature.
LIGHT = ("total_correlation", "measures", "results")
WITH_TENSORFLOW = "rtc_plugin.total_correlation.tf_minibatch"
HEAVY = ("tensorflow", "gin", "disentanglement_lib", "absl")


def find_modules():
    modules = {}
    for path in FOLDER.rglob("*.py"):
        parts = ("rtc_plugin", *path.relative_to(FOLDER).with_suffix("").parts)
        modules[".".join(parts).removesuffix(".__init__")] = path
    return modules


MODULES = find_modules()


def imports(module, within_functions):
    """Returns which modules of the package a module imports."""
    found, nodes = set(), [ast.parse(MODULES[module].read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            # `from rtc_plugin.errors import UserError` is of the module alone.
            found |= {name if name in MODULES else node.module for name in names}
        if within_functions or not isinstance(node, ast.FunctionDef):
            nodes.extend(ast.iter_child_nodes(node))
    # A package comes before its modules, whatever they import.
    return {
        item for item in found & set(MODULES) if not f"{module}.".startswith(item + ".")
    }


def floor(name):
    part = name.split(".")[1] if "." in name else name
    (number,) = [i for i, parts in enumerate(FLOORS) if part in parts]
    return number


def test_readmes_picture_is_the_tree():
    readme = FOLDER.parent / "README.md"
    if not readme.exists():
        pytest.skip("installed without the repository")
    picture = readme.read_text(encoding="utf-8").split("    rtc_plugin/\n")[1]
    picture = picture.split("\n\n")[0]
    # Names stand at the start of a line, two blanks apart; what follows says more.
    heads = re.findall(
        r"^ {6}(\S+(?:  [\w.]+(?:/|\.py)(?= |$))*)", picture, re.MULTILINE
    )
    drawn = [name for head in heads for name in head.split()]
    there = {f"{p.name}/" for p in FOLDER.iterdir() if list(p.rglob("*.py"))}
    there |= {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert sorted(drawn) == sorted(there)


def test_every_module_stands_on_a_floor():
    assert set(MODULES) == {name for name in MODULES if floor(name) >= 0}


def test_nothing_imports_from_above():
    above = {
        (name, other)
        for name in MODULES
        for other in imports(name, within_functions=True)
        if floor(other) > floor(name)
    }
    assert not above


def test_nothing_imports_in_circles():
    graph = {name: imports(name, within_functions=False) for name in MODULES}
    # Take away what imports nothing that is left, until only circles are.
    while free := {name for name, others in graph.items() if not others & set(graph)}:
        graph = {name: others for name, others in graph.items() if name not in free}
    assert not graph


@pytest.mark.parametrize("package", LIGHT)
def test_arrays_and_tables_need_no_tensorflow(package, tmp_path):
    names = [
        name
        for name in MODULES
        if f"{name}.".startswith(f"rtc_plugin.{package}.") and name != WITH_TENSORFLOW
    ]
    assert names
    code = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    loaded = {name.split(".")[0] for name in json.loads(result.stdout)}
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in MODULES
        if name.startswith(("rtc_plugin.total_correlation", "rtc_plugin.measures"))
        and name != WITH_TENSORFLOW
    )
    + ["rtc_plugin.results.statistics"],
)
def test_functions_of_arrays_say_what_they_take_and_give(name):
    for function in vars(importlib.import_module(name)).values():
        is_ours = inspect.isfunction(function) and function.__module__ == name
        if is_ours and not function.__name__.startswith("_"):
            hints = typing.get_type_hints(function)
            taken = set(inspect.signature(function).parameters)
            assert set(hints) == {*taken, "return"}, function.__qualname__
