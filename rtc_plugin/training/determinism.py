# SPDX-License-Identifier: Apache-2.0
"""Whether two trainings with one seed give the same weights, to the bit."""

import contextlib

import gin
from tensorflow.python.framework import config


# gin finds no defaults behind the second decorator, so a model's saved configuration
# has this parameter where it was bound, and is the library's where it was not.
@gin.configurable("training_ops", allowlist=["deterministic"], module="rtc_plugin")
@contextlib.contextmanager
def training_ops(deterministic=True):
    """Has TensorFlow use operations whose result does not depend on timing.

    Some operations add up in the order in which threads happen to be done, above all on
    a GPU. Inside this context TensorFlow takes slower ones in their place, or refuses
    where there is none, and it no longer fetches batches ahead. Training and the
    library's evaluation after it run inside; `training_ops.deterministic = False` in a
    gin file trades that for speed, most of it on a GPU (`benchmarks/determinism.py`
    measures it).

    Whatever it is set to, results are the same only on the same machine with the same
    number of threads and versions of TensorFlow and its libraries.

    Args:
        deterministic: Whether to. False leaves the process as it is.
    """
    if not deterministic or config.is_op_determinism_enabled():
        yield
        return
    config.enable_op_determinism()
    try:
        yield
    finally:
        config.disable_op_determinism()
