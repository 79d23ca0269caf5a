# SPDX-License-Identifier: Apache-2.0
"""Where the models of a study run; each backend does them one per process."""


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
