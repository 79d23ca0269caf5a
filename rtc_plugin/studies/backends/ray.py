# SPDX-License-Identifier: Apache-2.0
"""Models on a Ray cluster, each a task in a process of its own.

The folder of the study must be one that all machines of the cluster share, and the
plugin must be installed on each of them.
"""

import math
import os
import socket
import sys

from rtc_plugin.errors import UserError
from rtc_plugin.studies import backends, worker

TICK_SECONDS = 1


def run(
    root,
    study,
    model_nums,
    workers,
    retries,
    address=None,
    num_cpus_per_model=1,
    num_gpus_per_model=0,
):
    """Runs models as Ray's tasks; Ray tries those again that fail or are killed.

    Args:
        root: Folder of the study.
        study: Its name.
        model_nums: Numbers of the models.
        workers: How many run at a time on the cluster that is started here; on an
            existing one its resources decide.
        retries: How often a model that failed is tried again.
        address: Address of an existing cluster, or None to start one on this machine.
        num_cpus_per_model: CPUs that a task asks for.
        num_gpus_per_model: GPUs, or a part of one, that a task asks for.

    Yields:
        Pairs of model number and exit code, see `worker.run`, as models end, and None
        now and then. After NO_SPACE no other model is started.

    Raises:
        UserError: If Ray is not installed or the cluster is not found.
    """
    try:
        import ray
    except ImportError:
        raise UserError(
            "--backend=ray needs Ray: pip install 'rtc_plugin[ray]'."
        ) from None
    task = ray.remote(
        num_cpus=num_cpus_per_model,
        num_gpus=num_gpus_per_model,
        max_retries=retries,
        retry_exceptions=True,
        # TensorFlow keeps what it has once taken.
        max_calls=1,
    )(_run_model)
    threads = max(1, int(num_cpus_per_model))
    try:
        _connect(ray, address, max(1, math.ceil(workers * num_cpus_per_model)))
        tasks = {task.remote(root, study, num, threads): num for num in model_nums}
        while tasks:
            ended, _ = ray.wait(list(tasks), timeout=TICK_SECONDS)
            for ref in ended:
                num = tasks.pop(ref)
                code = _exit_code(ray, ref)
                if code == worker.NO_SPACE:
                    for other in tasks:
                        ray.cancel(other)
                    tasks.clear()
                yield num, code
            yield None
    finally:
        ray.shutdown()


class ModelFailed(Exception):
    """Tells Ray to try a model again."""


def _connect(ray, address, num_cpus):
    own = {"num_cpus": num_cpus, "include_dashboard": False} if address is None else {}
    try:
        if address is not None and address != "auto":
            # Ray itself would try for minutes.
            host, _, port = address.rpartition("//")[2].rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, log_to_driver=False, **own)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--address={address}: no Ray cluster answers there ({error}); give the "
            "address that `ray start --head` has printed."
        ) from error


def _run_model(root, study, model_num, threads):
    """Runs in a process that Ray has started for this one call."""
    os.environ.update(backends.environment(threads))
    sys.argv[0] = worker.COMMAND
    code = worker.run(root, model_num, study)
    if code == 1:
        raise ModelFailed(f"model {model_num}")
    return code


def _exit_code(ray, ref):
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError:
        return 1
    except ray.exceptions.RayError:
        return worker.KILLED
