# SPDX-License-Identifier: Apache-2.0
"""One model of a study, in a process of its own.

    python -m rtc_plugin.studies.worker ROOT MODEL_NUM --study=STUDY

It does the steps that are missing. A metric that fails does not keep the others from
being computed. What is printed goes to the model's `log.txt`.
"""

import argparse
import os
import signal
import sys
import threading
import time
import traceback

import rtc_plugin
from rtc_plugin import files
from rtc_plugin.studies import disk, model_steps, study_folder

# Exit codes beside 0 and 1; the numbers are those of sysexits.h.
NO_SPACE, BUSY = 74, 75
KILLED = -signal.SIGKILL
# As whose command a worker counts, which keeps TensorFlow quiet.
COMMAND = "rtc_worker"


def main(arguments=None):
    """Runs the command line."""
    parser = argparse.ArgumentParser(description="Runs one model of a study.")
    parser.add_argument("root", help="folder of the study")
    parser.add_argument("model_num", type=int, help="number of the model")
    parser.add_argument("--study", help="its study, unless it is a known one")
    parser.add_argument(
        "--end_with_stdin",
        action="store_true",
        help="end when standard input does, as it does when the runner is gone",
    )
    options = parser.parse_args(arguments)
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    return run(options.root, options.model_num, options.study)


def run(root, model_num, study=None):
    """Does the missing steps of a model.

    Args:
        root: Folder of the study.
        model_num: Number of the model.
        study: What the user has named as the study, see `StudyFolder`.

    Returns:
        Exit code: 0 if all steps are done, BUSY if another process works on the model,
        NO_SPACE if the disk is full, else 1.
    """
    folder = study_folder.StudyFolder(root, study)
    model_folder = folder.model_folder(model_num)
    # Who only asks whether a model is worked on holds the lock for an instant.
    with files.locked(model_folder, patience=1) as is_free:
        if not is_free:
            return BUSY
        with open(os.path.join(model_folder, study_folder.LOG_FILE), "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            return _do_steps(folder.steps(model_num), model_folder, model_num)


def _do_steps(steps, model_folder, model_num):
    _say(f"model {model_num}, rtc_plugin {rtc_plugin.__version__}, pid {os.getpid()}")
    begin = time.monotonic()
    errors = []
    for step in model_steps.missing(steps):
        study_folder.write_status(
            model_folder, state=study_folder.RUNNING, step=step.name
        )
        _say(step.name)
        if not disk.has_space_for_one(model_folder):
            return NO_SPACE
        if os.path.exists(step.folder):
            _say(f"{step.folder} is half written; it is made anew")
        try:
            error = model_steps.do(step)
        except OSError:
            traceback.print_exc()
            return NO_SPACE
        if error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
            errors.append(f"{step.name}: {model_steps.explain(error)}")
    seconds = round(time.monotonic() - begin)
    if errors:
        study_folder.write_status(
            model_folder,
            state=study_folder.FAILED,
            error="; ".join(errors),
            seconds=seconds,
        )
        return 1
    study_folder.write_status(
        model_folder, state=study_folder.DONE, seconds=seconds, versions=_versions()
    )
    return 0


def _say(line):
    print(time.strftime("%Y-%m-%d %H:%M:%S"), line, file=sys.stderr, flush=True)


def _versions():
    from importlib import metadata

    versions = {"python": sys.version.split()[0], "rtc_plugin": rtc_plugin.__version__}
    for name in ("tensorflow", "tensorflow-cpu", "numpy", "disentanglement-lib"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _end_with_stdin():
    # Not by sys.stdin, whose lock would be in the way at the end of the process.
    while os.read(0, 1024):
        pass
    # Training answers by a checkpoint; other steps just end.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.argv[0] = COMMAND
    sys.exit(main())
