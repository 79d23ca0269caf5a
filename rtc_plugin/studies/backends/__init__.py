# SPDX-License-Identifier: Apache-2.0
"""Where the models of a study run; each backend does them one per process."""

import os

from joblib import cpu_count

# Of a process that trains a model on 64x64 images, with room to spare.
BYTES_PER_MODEL = 2 << 30


def default_workers(backend):
    """Returns how many models run at a time if nobody says.

    On this machine as many as have a core and memory: two models with a thread each
    make more updates than one with two threads (`docs/performance.md`). A job array
    runs elsewhere, one model at a time until told.
    """
    if backend == "slurm":
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cpu_count(), memory // BYTES_PER_MODEL))


def threads_per_model(workers):
    """Returns the threads of each of some models that run on this machine."""
    return max(1, cpu_count() // workers)


def environment(threads):
    """Returns the environment variables of a process that works on one model.

    Args:
        threads: How many it may use.
    """
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    # Models that share a GPU must not each take its whole memory at once.
    return {**dict.fromkeys(names, str(threads)), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
