# SPDX-License-Identifier: Apache-2.0
"""This plugin's metrics on the modules of many models, each in its own process."""

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import tqdm
from joblib import cpu_count

from rtc_plugin.errors import UserError
from rtc_plugin.results import records
from rtc_plugin.runs import check_trust
from rtc_plugin.zoo import archive, measure, scores

LOG = "rtc_metrics.log"


class Job(NamedTuple):
    """A model to be measured.

    Attributes:
        source: Zip, or folder, that it is in.
        root: What the names of its files start with there.
        name: Folder of its results.
    """

    source: str
    root: str
    name: str


def evaluate(paths, output_dir, trust=False, data="auto", bindings=(), workers=None):
    """Measures models by `rtc_metrics`, and writes beside them, never into them.

    What is done already is skipped.

    Args:
        paths: Zips, folders of zips or of models.
        output_dir: Where `<name>/metrics/mean_and_logvar/rtc_metrics` go, named as the
            models' own folders.
        trust: Whether the user has said that the modules may be run.
        data: Data set to measure on; "auto" for the one that each was trained on.
        bindings: Further gin bindings.
        workers: Processes at a time; all usable cores by default.

    Returns:
        Number of models that have their results, list of `scores.Problem`.

    Raises:
        UserError: The user has not said so, nothing is found, or the output would go
            into a model's own folder.
    """
    check_trust(trust)
    jobs, problems = find_jobs(paths)
    _check_beside(jobs, output_dir)
    num_done, failed = run(jobs, output_dir, data, bindings, workers)
    return num_done, problems + failed


def find_jobs(paths):
    """Lists the models that have a module.

    Returns:
        List of `Job`, list of `scores.Problem`.

    Raises:
        UserError: Nothing is found, or two models would share a folder of results.
    """
    jobs, problems = [], []
    for source in scores.find_sources(paths, problems):
        if source.endswith(".json"):
            problems.append(scores.Problem(source, "scores only, without a module."))
            continue
        models = []
        with records.one_item(source, problems):
            with archive.open_archive(source) as opened:
                models = archive.find_models(opened)
        for model in models:
            if any(name.startswith("model/tfhub/") for name in model.names):
                folder = model.root.rstrip("/").rpartition("/")[2]
                name = folder or Path(os.path.abspath(source)).stem
                jobs.append(Job(source, model.root, name))
            else:
                where = os.path.join(source, model.root)
                problems.append(scores.Problem(where, "has no model/tfhub."))
    if not jobs:
        first = f" ({problems[0].where}: {problems[0].what})" if problems else ""
        raise UserError(f"there is no model with a module{first}.")
    by_name = {}
    for job in jobs:
        other = by_name.setdefault(job.name, job)
        if other is not job:
            raise UserError(
                f"{other.source} and {job.source} both hold a model {job.name}; "
                "evaluate them one after the other, to different --output_dir."
            )
    return jobs, problems


def _check_beside(jobs, output_dir):
    target = os.path.realpath(output_dir)
    for job in jobs:
        source = os.path.realpath(job.source)
        if os.path.isfile(source):
            continue
        if source in (target, os.path.join(target, job.name)) or target.startswith(
            source + os.sep
        ):
            raise UserError(
                f"--output_dir={output_dir} would write into the model {job.source}; "
                "give a folder beside it."
            )


def run(jobs, output_dir, data="auto", bindings=(), workers=None):
    """Runs the jobs that have no results yet.

    Returns:
        Number of models that have their results, list of `scores.Problem`.
    """
    missing = [
        job
        for job in jobs
        if not os.path.isdir(measure.result_folder(os.path.join(output_dir, job.name)))
    ]
    cores = cpu_count()
    workers = max(1, min(workers or cores, len(missing)))
    threads = str(max(1, cores // workers))
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
    }
    failed = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        lines = pool.map(
            lambda job: _run_one(job, output_dir, data, bindings, environment), missing
        )
        progress = tqdm.tqdm(
            lines,
            total=len(jobs),
            initial=len(jobs) - len(missing),
            desc="measuring",
            unit="model",
            disable=None,
        )
        for job, line in zip(missing, progress):
            if line:
                failed.append(scores.Problem(os.path.join(job.source, job.root), line))
    return len(jobs) - len(failed), failed


def _run_one(job, output_dir, data, bindings, environment):
    """Measures one model; returns what went wrong, None if nothing did."""
    folder = os.path.join(output_dir, job.name)
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, LOG)
    command = [sys.executable, "-m", measure.__name__, job.source, job.root, folder]
    command += [f"--data={data}", *(f"--gin_bindings={text}" for text in bindings)]
    with open(log, "w") as out:
        code = subprocess.run(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment
        ).returncode
    if code == 0:
        return None
    with open(log, errors="replace") as f:
        lines = [line.strip() for line in f if line.strip()]
    return f"{lines[-1] if lines else f'exit status {code}'} (all of it: {log})"
