# SPDX-License-Identifier: Apache-2.0
"""Wheel and sdist are whole, and do the main job wherever they are installed."""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import rtc_plugin

ROOT = Path(__file__).parents[1]
# What is in a clone and is not the project.
IGNORED = "*.egg-info", "*.py[cod]", "__pycache__", "build", "dist", "output"
BUILD_SDIST = (
    "import sys; from setuptools import build_meta as b; b.build_sdist(*sys.argv[1:])"
)
# pip without an index and without an environment of its own to build in.
OFFLINE = "--quiet", "--no-deps", "--no-index", "--no-build-isolation"


def run(*command, cwd, **environment):
    """Runs it as a user would: the source tree is not on Python's path."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def files_below(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the repository, since building leaves files in it."""
    copy = tmp_path_factory.mktemp("source") / "rtc_plugin"
    hidden = shutil.ignore_patterns(".*", *IGNORED)
    shutil.copytree(ROOT, copy, ignore=hidden, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-c", BUILD_SDIST, out, cwd=source)
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    out = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(out)
    (folder,) = out.iterdir()
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", out, source, cwd=out)
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_and_every_gin_file(source, contents):
    package = {f"rtc_plugin/{name}" for name in files_below(source / "rtc_plugin")}
    gin = {f"rtc_plugin/gin/{name}" for name in files_below(source / "gin")}
    found = {name for name in contents if not re.match(r"rtc_plugin-[^/]*/", name)}
    assert "rtc_plugin/py.typed" in package
    assert found == package | gin | {"rtc_plugin.pth"}


def test_the_metadata_say_what_it_is(contents):
    (name,) = (name for name in contents if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(contents[name])
    assert metadata["Version"] == rtc_plugin.__version__
    assert metadata["Author"] == "the rtc_plugin developers"
    assert metadata["License"] == "Apache-2.0"
    assert set(metadata["Requires-Python"].split(",")) == {">=3.9", "<3.14"}
    assert any("arxiv.org/abs/2009.05739" in u for u in metadata.get_all("Project-URL"))
    assert "Programming Language :: Python :: 3.13" in metadata.get_all("Classifier")
    assert any(name.endswith("/LICENSE") for name in contents)


def test_the_citation_is_of_this_version_and_these_authors():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {rtc_plugin.__version__}\n" in citation
    assert "- name: The rtc_plugin developers\n" in citation


def test_the_sdist_holds_the_repository(source, unpacked):
    missing = files_below(source) - files_below(unpacked)
    # What building has left.
    assert {n for n in missing if not re.match(r"build/|.*\.egg-info/", n)} == set()


@pytest.fixture
def environment(tmp_path):
    """Returns the Python of a new environment that sees the packages of this one."""
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = Path(run(python, "-c", purelib, cwd=tmp_path).strip())
    # A folder named in a .pth file comes last, and its own .pth files are not read.
    others = sysconfig.get_path("purelib")
    (site_packages / "packages_of_the_tests.pth").write_text(others + "\n")
    return python


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_trains_from_an_empty_folder(kind, environment, tmp_path, request):
    what = {"wheel": ["wheel"], "sdist": ["sdist"], "editable": ["-e", "source"]}[kind]
    what = [*what[:-1], request.getfixturevalue(what[-1])]
    install = [environment, "-m", "pip", "install", "--ignore-installed", *OFFLINE]
    run(*install, *what, cwd=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    where = run(
        environment, "-c", "import rtc_plugin; print(rtc_plugin.__file__)", cwd=empty
    )
    expected = what[-1] if kind == "editable" else environment.parents[1]
    assert Path(where.strip()).is_relative_to(expected)
    said = run(
        environment,
        Path(sys.executable).parent / "dlib_train",
        "--gin_config=gin/rtcvae_shapes3d.gin",
        "--gin_bindings=dataset.name = 'shapes3d_rendered'",
        "--gin_bindings=model.training_steps = 20",
        "--gin_bindings=model.batch_size = 8",
        "--gin_bindings=model.eval_steps = 2",
        "--model_dir=m",
        cwd=empty,
    )
    assert "The model is in m" in said
    assert [path.name for path in empty.iterdir()] == ["m"]
    saved = (empty / "m" / "results" / "gin" / "train.gin").read_text()
    assert "dataset.name = 'shapes3d_rendered'" in saved


# A package that measures arrays, and nothing of TensorFlow.
MAX_MEGABYTES = 700
NOT_LIGHT = {"tensorflow", "disentanglement_lib", "tensorflow_hub", "gin", "absl"}
SIZES = """
import importlib.metadata as m, json, pathlib
sizes, tops = 0, set()
for dist in m.distributions():
    if dist.metadata["Name"] not in ("pip", "setuptools"):
        for file in dist.files or ():
            path = pathlib.Path(dist.locate_file(file))
            # Python writes bytecode for itself.
            if path.suffix != ".pyc" and path.exists():
                sizes += path.stat().st_size
                tops.add(file.parts[0])
print(json.dumps([sizes / 1e6, sorted(tops)]))
"""


@pytest.mark.slow
def test_from_pip_install_to_the_page_of_an_npz_in_two_commands(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    binaries = tmp_path / "venv" / "bin"
    run(binaries / "pip", "install", "--quiet", wheel, cwd=tmp_path)
    size, tops = json.loads(run(binaries / "python", "-c", SIZES, cwd=tmp_path))
    assert not NOT_LIGHT & set(tops)
    assert size < MAX_MEGABYTES
    random = np.random.default_rng(0)
    factors = random.integers([4, 3], size=(400, 2))
    z = factors @ random.standard_normal((2, 4)) + random.standard_normal((400, 4))
    np.savez(
        tmp_path / "codes.npz", z_mean=z, z_logvar=-np.ones_like(z), factors=factors
    )
    run(binaries / "rtc", "measure", "codes.npz", "-o", "report.html", cwd=tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 5 and "dci_disentanglement" in page
    code = (
        "import time; start = time.time(); from rtc_plugin import measure; "
        "print(time.time() - start)"
    )
    assert float(run(binaries / "python", "-c", code, cwd=tmp_path)) < 1.0
    # The verbs that need the library say so in a line, those that do not work.
    for verb in ("visualize --model_dir=m -o f --trust", "zoo compare m", "study list"):
        command = [str(binaries / "rtc"), *verb.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "rtc_plugin[tf-cpu]" in done.stderr


@pytest.mark.slow
def test_the_tests_of_the_sdist_run(unpacked):
    pytest_here = sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"
    run(*pytest_here, "--collect-only", cwd=unpacked, PYTHONPATH=str(unpacked))
    some = "tests/test_configs.py", "tests/test_gin_files.py", "tests/config"
    run(*pytest_here, *some, cwd=unpacked, PYTHONPATH=str(unpacked))
