# SPDX-License-Identifier: Apache-2.0
"""Runs the library's own tests, which its package contains, on today's stack.

Each of the 28 files runs as its authors ran it, `python x_test.py`, in a process and a
working folder of its own.
"""

import concurrent.futures
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file

PACKAGE = "disentanglement_lib"

# Files that take minutes, longest first: they start first and `fast` leaves them out.
SLOW = (
    "evaluation/metrics/strong_downstream_task_test.py",
    "evaluation/metrics/unified_scores_test.py",
    "evaluation/evaluate_test.py",
    "methods/unsupervised/train_test.py",
    "evaluation/metrics/fairness_test.py",
)

_VERSIONS = ("tensorflow", "tensorflow-cpu", "numpy", "scikit-learn", "pandas")


@dataclasses.dataclass(frozen=True)
class FileResult:
    """What became of one test file.

    Attributes:
      name: Path below the library's package.
      tests: Number of tests that ran.
      failures: Number of tests that failed, 1 at least if the process did.
      seconds: Time the process took.
      log: Path of its output.
    """

    name: str
    tests: int
    failures: int
    seconds: float
    log: str


def find_library():
    """Returns the folder of the installed library, without importing it.

    Raises:
      UserError: If it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise UserError(
            f"{PACKAGE} is not installed; pip install disentanglement-lib==1.5"
        )
    return os.path.dirname(spec.origin)


def find_tests(library, fast=False, patterns=()):
    """Returns the test files of a package, those that take longest first.

    Args:
      library: Folder of the package.
      fast: Whether to leave out the files of `SLOW`.
      patterns: If not empty, only files whose name contains one of these.

    Returns:
      List of paths below `library`, with "/" between their parts.

    Raises:
      UserError: If no file is left.
    """
    names = []
    for folder, _, files in os.walk(library):
        below = os.path.relpath(folder, library)
        names += [f"{below}/{file}" for file in files if file.endswith("_test.py")]
    names = sorted(name.replace(os.sep, "/").removeprefix("./") for name in names)
    if fast:
        names = [name for name in names if name not in SLOW]
    if patterns:
        names = [name for name in names if any(part in name for part in patterns)]
    if not names:
        raise UserError(
            f"no test file below {library} matches {' '.join(patterns) or '*_test.py'}."
        )
    order = {name: i for i, name in enumerate(SLOW)}
    return sorted(names, key=lambda name: order.get(name, len(SLOW)))


def run(library, names, output_dir, jobs=1):
    """Runs test files, with a progress bar.

    Args:
      library: Folder of the package.
      names: Paths of test files below it.
      output_dir: Folder for a log of each.
      jobs: Number of files that run at the same time; they share the cores.

    Returns:
      List of `FileResult`, in the order of `names`.
    """
    os.makedirs(output_dir, exist_ok=True)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    results = {}
    executor = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        waiting = {
            executor.submit(_run_file, library, name, output_dir, threads): name
            for name in names
        }
        with tqdm.tqdm(total=len(names), unit="file", desc="library's tests") as bar:
            for done in concurrent.futures.as_completed(waiting):
                result = done.result()
                results[result.name] = result
                failures = sum(r.failures for r in results.values())
                bar.set_postfix(failures=failures, last=os.path.basename(result.name))
                bar.update()
    finally:
        executor.shutdown(cancel_futures=True)
    return [results[name] for name in names]


def _run_file(library, name, output_dir, threads):
    log = os.path.join(output_dir, name.replace("/", ".").removesuffix(".py") + ".log")
    environment = {"OMP_NUM_THREADS": str(threads), "MPLBACKEND": "agg", **os.environ}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open(log, "w") as file:
        report = os.path.join(folder, "report.xml")
        process = subprocess.run(
            [
                sys.executable,
                os.path.join(library, *name.split("/")),
                f"--xml_output_file={report}",
            ],
            cwd=folder,
            # The library's tests put their files there.
            env={**environment, "TEST_TMPDIR": folder},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        tests, failures = _read_report(report)
    if process.returncode != 0 or tests == 0:
        failures = max(failures, 1)
    return FileResult(name, tests, failures, time.monotonic() - start, log)


def _read_report(path):
    """Returns the numbers of tests and of failures that a report holds, 0 if none."""
    if not os.path.exists(path):
        return 0, 0
    suites = xml.etree.ElementTree.parse(path).getroot()
    failures = int(suites.get("failures")) + int(suites.get("errors"))
    return int(suites.get("tests")), failures


def tabulate(results):
    """Returns a table of results: a line per file and one for their sum."""
    total = FileResult(
        f"{len(results)} files",
        sum(r.tests for r in results),
        sum(r.failures for r in results),
        sum(r.seconds for r in results),
        log="",
    )
    width = max(len(r.name) for r in results)
    lines = [f"{'file':{width}}  tests  failures  seconds"]
    for r in [*results, total]:
        lines.append(f"{r.name:{width}}  {r.tests:5}  {r.failures:8}  {r.seconds:7.1f}")
    lines += [f"failed: {r.log}" for r in results if r.failures]
    return "\n".join(lines)


def versions():
    """Returns a dictionary of the versions of Python and of what is tested on."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def save(results, path):
    """Writes versions and results to a JSON file."""
    content = {
        "versions": versions(),
        "files": [dataclasses.asdict(result) for result in results],
    }
    with whole_file(path) as partial, open(partial, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
