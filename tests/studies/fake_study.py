# SPDX-License-Identifier: Apache-2.0
"""A study whose models take a fraction of a second, to test what runs studies.

Its training counts to 20 in a file, so that an interrupted one goes on; its two metrics
write the model's number. The environment makes it slow or lets it fail:

    FAKE_SECONDS       duration of each training
    FAKE_FAILURE       MODEL:STEP, a step that raises ValueError
    FAKE_NO_SPACE      MODEL, whose training finds the disk full
    FAKE_CRASH         MODEL, whose process is killed while it trains, the first time
"""

import errno
import json
import os
import signal
import sys
import time

from disentanglement_lib.config import study

from rtc_plugin.files import whole_folder
from rtc_plugin.studies import model_steps, worker

NUM_MODELS = 6
NAME = "fake_study:FakeStudy"
COUNT_TO = 20


def get_config():
    return [
        {"model.name": "beta_vae", "dataset.name": "fake", "vae.beta": float(num)}
        for num in range(NUM_MODELS)
    ]


class FakeStudy(study.Study):
    def get_model_config(self, model_num=0):
        return [f"vae.beta = {float(model_num)}"], __file__

    def get_postprocess_config_files(self):
        return []

    def get_eval_config_files(self):
        return []


def plan(study, model_num, model_folder, bindings=(), evaluation_bindings=()):
    def step(name, file, needs, run):
        def run_unless_told_to_fail(folder):
            if os.environ.get("FAKE_FAILURE") == f"{model_num}:{name}":
                raise ValueError("told to fail")
            run(folder)

        folder = os.path.join(model_folder, name)
        return model_steps.Step(name, folder, file, needs, run_unless_told_to_fail)

    def train(folder):
        _count(folder, model_num)
        with whole_folder("model", folder) as partial:
            _write(os.path.join(partial, "train.json"), {})

    def evaluate(folder):
        record = {
            "train_config.model.model": "@vae()",
            "train_config.vae.beta": str(float(model_num)),
            "train_config.model.model_num": str(model_num),
            "train_config.model.comment": repr(list(bindings)),
            "postprocess_config.postprocess.name": "'mean'",
            "evaluation_config.evaluation.name": f"'{os.path.basename(folder)}'",
            "evaluation_results.score": model_num / 7,
            "evaluation_results.elapsed_time": time.time(),
        }
        with whole_folder("metric", folder) as partial:
            _write(os.path.join(partial, evaluation), record)

    evaluation = "results/aggregate/evaluation.json"
    training = step("model", "train.json", None, train)
    return [
        training,
        step("metrics/mean/first", evaluation, training, evaluate),
        step("metrics/mean/second", evaluation, training, evaluate),
    ]


def _count(folder, model_num):
    path = folder + ".count"
    if os.environ.get("FAKE_NO_SPACE") == str(model_num):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    while (count := count_in(path)) < COUNT_TO:
        crashes = os.environ.get("FAKE_CRASH") == str(model_num)
        if crashes and count == COUNT_TO // 2 and not os.path.exists(path + ".crashed"):
            open(path + ".crashed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        with open(path, "a") as file:
            file.write(".")
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")) / COUNT_TO)


def count_in(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _write(path, values):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(values, file)


# In a process of a worker or a command, which imports this module by the study's name.
if os.path.basename(sys.argv[0]) in (worker.COMMAND, "rtc"):
    model_steps.plan = plan
