# SPDX-License-Identifier: Apache-2.0
"""Any module of the plugin can be imported first, before the library and all others."""

import json
import pathlib
import subprocess
import sys

import rtc_plugin

FOLDER = pathlib.Path(rtc_plugin.__file__).parent

# A process that has what the plugin stands on, but nothing of the plugin beyond its
# hook and nothing of the library, forks one child per module: as good as fresh ones, of
# which each would spend ten seconds on TensorFlow.
CODE = """
import importlib, json, os, sys, traceback
import gin, numpy, pandas, PIL.Image, scipy.stats, sklearn.ensemble, tensorflow
import tensorflow_hub

assert not any(name.startswith("disentanglement_lib") for name in sys.modules)
failures = {}
for name in json.loads(sys.argv[1]):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        message = ""
        try:
            importlib.import_module(name)
        except BaseException:
            message = traceback.format_exc()
        os.write(writing, message[-2000:].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        message = pipe.read()
    _, status = os.waitpid(child, 0)
    if message or status:
        failures[name] = message or f"ended with {status}"
print(json.dumps(failures))
"""


def module_names():
    names = []
    for path in sorted(FOLDER.rglob("*.py")):
        parts = ("rtc_plugin", *path.relative_to(FOLDER).with_suffix("").parts)
        names.append(".".join(parts).removesuffix(".__init__"))
    return names


def test_any_module_can_be_imported_first(tmp_path):
    names = module_names()
    assert "rtc_plugin.evaluation.metrics.infomec" in names
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, json.dumps(names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    failures = json.loads(result.stdout.splitlines()[-1])
    assert not failures, "\n\n".join(f"{k}: {v}" for k, v in failures.items())
