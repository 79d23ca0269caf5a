# SPDX-License-Identifier: Apache-2.0
"""How long, and in how much memory, `rtc zoo scores` reads a whole zoo.

    python benchmarks/zoo.py --output_dir=/tmp/zoo [--num_models=10800]

makes that many zips in the published layout, with made-up scores under the study's own
settings and with stand-ins for the modules, reads them by the command, and prints
seconds and the largest memory of the command with its processes. The zips stay there
and are used again by the next run.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
from absl import app, flags

from rtc_plugin.zoo import numbers

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", None, "Where the zips go.", required=True)
flags.DEFINE_integer("num_models", numbers.NUM_PUBLISHED, "Number of zips.")
flags.DEFINE_integer("workers", 2, "Processes of the command.")

SETTINGS = {
    "beta_vae_sklearn": {"num_train": 10000, "num_eval": 5000, "batch_size": 64},
    "dci": {"num_train": 10000, "num_test": 5000},
    "downstream_task_boosted_trees": {"num_test": 5000},
    "downstream_task_logistic_regression": {"num_test": 5000},
    "factor_vae_metric": {
        "num_variance_estimate": 10000,
        "num_train": 10000,
        "num_eval": 5000,
        "batch_size": 64,
    },
    "mig": {"num_train": 10000},
    "modularity_explicitness": {"num_train": 10000, "num_test": 5000},
    "sap_score": {"num_train": 10000, "num_test": 5000, "continuous_factors": "False"},
    "unsupervised": {"num_train": 10000},
}
SCORES = {
    "beta_vae_sklearn": ["train_accuracy", "eval_accuracy"],
    "dci": [
        "informativeness_train",
        "informativeness_test",
        "disentanglement",
        "completeness",
    ],
    "factor_vae_metric": ["train_accuracy", "eval_accuracy", "num_active_dims"],
    "mig": ["discrete_mig"],
    "modularity_explicitness": [
        "modularity_score",
        "explicitness_score_train",
        "explicitness_score_test",
    ],
    "sap_score": ["SAP_score"],
    "unsupervised": [
        "gaussian_total_correlation",
        "gaussian_wasserstein_correlation",
        "gaussian_wasserstein_correlation_norm",
        "mutual_info_score",
    ],
}
for _task in ("boosted_trees", "logistic_regression"):
    SCORES[f"downstream_task_{_task}"] = [
        f"{size}:{split}_accuracy_factor_{factor}"
        for size in (10, 100, 1000, 10000)
        for split in ("train", "test")
        for factor in range(5)
    ] + [
        f"{size}:mean_{split}_accuracy"
        for size in (10, 100, 1000, 10000)
        for split in ("train", "test")
    ]
# The bindings of shared.gin that every model has.
OPTIMIZER = {
    f"{scope}/AdamOptimizer.{name}": value
    for scope in ("vae", "discriminator")
    for name, value in (
        ("beta1", "0.9"),
        ("beta2", "0.999"),
        ("epsilon", "1e-08"),
        ("learning_rate", "0.0001"),
        ("name", "'Adam'"),
        ("use_locking", "False"),
    )
}


def main(unused_argv):
    """Makes the zoo, reads it, prints the figures."""
    folder = os.path.join(FLAGS.output_dir, "zips")
    os.makedirs(folder, exist_ok=True)
    for number in range(FLAGS.num_models):
        path = os.path.join(folder, f"{number}.zip")
        if not os.path.exists(path):
            write_zip(path + ".part", number)
            os.rename(path + ".part", path)
    table = os.path.join(FLAGS.output_dir, "scores.parquet")
    command = [sys.executable, "-m", "rtc_plugin.commands"]
    command += ["zoo", "scores", folder, f"--output={table}"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, f"--workers={FLAGS.workers}"])
    peak = {}
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{FLAGS.num_models} zips: {seconds:.0f} s with {FLAGS.workers} processes, "
        f"{usage.ru_utime + usage.ru_stime:.0f} s of processor time; "
        f"at most {peak['private'] / 2**20:.0f} MB of their own "
        f"({peak['resident'] / 2**20:.0f} MB counting shared pages each time)"
    )
    return process.returncode


def write_zip(path, number):
    """Writes one model as the zoo had it, modules being stand-ins."""
    model = numbers.models()[number]
    random = np.random.RandomState(number)
    train = {
        key: repr(value) if isinstance(value, str) and value[0] != "@" else str(value)
        for key, value in {
            **numbers.configs()[number],
            "model.batch_size": 64,
            "model.training_steps": 300000,
            "encoder.num_latent": 10,
            "model.model_num": number,
        }.items()
    }
    train.update(OPTIMIZER)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in module_files():
            packed.writestr(f"{number}/{name}", b"stand-in" * 32)
        for representation in ("mean", "sampled"):
            for metric, settings in SETTINGS.items():
                record = {f"train_config.{key}": text for key, text in train.items()}
                record["train_results.loss"] = random.rand() * 100
                record["postprocess_config.dataset.name"] = f"'{model.dataset}'"
                record["postprocess_config.postprocess.name"] = f"'{representation}'"
                record["evaluation_config.evaluation.name"] = f"'{metric}'"
                record["evaluation_config.evaluation.random_seed"] = "7"
                for name, value in settings.items():
                    record[f"evaluation_config.{metric}.{name}"] = str(value)
                for score in SCORES[metric]:
                    record[f"evaluation_results.{score}"] = random.rand()
                record["evaluation_results.elapsed_time"] = 1.5
                base = f"{number}/metrics/{representation}/{metric}/results"
                text = json.dumps(record, indent=2)
                packed.writestr(f"{base}/aggregate/evaluation.json", text)
                packed.writestr(f"{base}/json/evaluation_results.json", text)
                for step in ("train", "postprocess", "evaluation"):
                    packed.writestr(f"{base}/gin/{step}.gin", "# stand-in\n" * 20)


def module_files():
    """Returns names of what else a model's zip holds."""
    folders = ["model", "postprocessed/mean", "postprocessed/sampled"]
    for folder in folders:
        for name in (
            "saved_model.pb",
            "tfhub_module.pb",
            "variables/variables.data-00000-of-00001",
            "variables/variables.index",
        ):
            yield f"{folder}/tfhub/{name}"
    for name in ("checkpoint", "graph.pbtxt", "model.ckpt-300000.index"):
        yield f"model/tf_checkpoint/{name}"


def watch(process, peak):
    """Records the largest memory of a process and its children, in bytes."""
    peak.update(private=0, resident=0)
    while process.poll() is None:
        private = resident = 0
        for pid in descendants(process.pid):
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    kilobytes = {
                        line.split(":")[0]: int(line.split()[1])
                        for line in f
                        if line.rstrip().endswith("kB")
                    }
            except (OSError, ValueError):
                continue
            private += kilobytes.get("Pss", 0) * 1024
            resident += kilobytes.get("Rss", 0) * 1024
        peak["private"] = max(peak["private"], private)
        peak["resident"] = max(peak["resident"], resident)
        time.sleep(0.2)


def descendants(pid):
    """Yields a process's id and those of its children, and theirs."""
    yield pid
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = f.read().split()
    except OSError:
        return
    for child in children:
        yield from descendants(int(child))


if __name__ == "__main__":
    app.run(main)
