# SPDX-License-Identifier: Apache-2.0
"""Models side by side on this machine."""

import concurrent.futures
import os
import subprocess
import sys
import threading

from rtc_plugin.studies import backends, worker

TICK_SECONDS = 1


def run(root, study, model_nums, workers, retries):
    """Runs models, each in a process of its own.

    The cores are divided among the workers. When this process ends, however it ends,
    its workers do, too: a training at its next step, with a checkpoint.

    Args:
        root: Folder of the study.
        study: Its name.
        model_nums: Numbers of the models.
        workers: How many run at a time.
        retries: How often a model that failed is tried again.

    Yields:
        Pairs of model number and exit code, see `worker.run`, as models end, and None
        now and then. After NO_SPACE no other model is started.
    """
    processes = _Processes(root, study, _environment(workers))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            futures = {
                pool.submit(processes.run, num, retries): num for num in model_nums
            }
            waiting = set(futures)
            while waiting:
                ended, waiting = concurrent.futures.wait(
                    waiting, TICK_SECONDS, concurrent.futures.FIRST_COMPLETED
                )
                for future in ended:
                    if future.result() is not None:
                        yield futures[future], future.result()
                yield None
        finally:
            processes.stop()


class _Processes:
    """Worker processes that can be stopped together."""

    def __init__(self, root, study, environment):
        self._root = root
        self._study = study
        self._environment = environment
        self._running = set()
        self._is_stopped = False
        # So that no process is started between the end and the list of what to end.
        self._lock = threading.Lock()

    def run(self, model_num, retries):
        """Returns the exit code of a model's last attempt, None if there was none."""
        code = None
        for _ in range(1 + retries):
            process = self._start(model_num)
            if process is None:
                return code
            code = self._wait(process)
            if code == worker.NO_SPACE:
                self._is_stopped = True
            if code in (0, worker.BUSY, worker.NO_SPACE):
                return code
        return code

    def stop(self):
        """Starts no more processes and asks those that run to end."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                process.terminate()

    def _start(self, model_num):
        """Starts the process of a model; returns None if it is too late for that."""
        command = [sys.executable, "-m", worker.__name__, self._root, str(model_num)]
        with self._lock:
            if self._is_stopped:
                return None
            process = subprocess.Popen(
                [*command, f"--study={self._study}", "--end_with_stdin"],
                # Nothing is ever written to the pipe; its end is the sign to end.
                stdin=subprocess.PIPE,
                env=self._environment,
                # A terminal's Ctrl-C must not reach it beside the runner's own request:
                # a second signal would end it before its checkpoint.
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _wait(self, process):
        with process:
            # Not communicate or the context's end, which would close the pipe.
            code = process.wait()
            with self._lock:
                self._running.discard(process)
            return code


def _environment(workers):
    # Ours to set, by each command for itself, unless the user wants to see more.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if (name, value) != ("TF_CPP_MIN_LOG_LEVEL", "1")
    }
    return {**inherited, **backends.environment(backends.threads_per_model(workers))}
