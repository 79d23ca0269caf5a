# SPDX-License-Identifier: Apache-2.0
"""The library's training: whole or absent, and continued where it was interrupted.

While a model trains, everything lies in `<model_dir>.partial`, see `unfinished`. A
finished run is renamed to `model_dir`, so a folder of that name is always whole, and an
older model stays until the new one is.
"""

import functools
import os
import sys

import gin

from rtc_plugin import files
from rtc_plugin.training import checkpoints, estimator, unfinished


def make_resumable(stock_train):
    """Returns the library's `train` so that it can be interrupted and rerun.

    Args:
        stock_train: `methods.unsupervised.train.train`, under which gin knows it.

    Returns:
        Function of the same arguments.
    """

    @functools.wraps(stock_train)
    def train(model_dir, overwrite=False, *args, **kwargs):
        unfinished.check_free(model_dir, overwrite)
        with unfinished.lock(model_dir) as partial:
            # Another process may have finished it before the lock was ours.
            unfinished.check_free(model_dir, overwrite)
            if overwrite:
                partial.clear()
            partial.check_configuration(gin.config_str(), overwrite)
            if not partial.is_whole():
                _train_in(partial, stock_train, overwrite, args, kwargs)
            files.replace_folder(partial.output, model_dir)
            partial.delete()
        print(f"The model is in {model_dir}", file=sys.stderr)

    return train


def _train_in(partial, stock_train, overwrite, args, kwargs):
    if partial.has_progress():
        print(f"Going on with the run in {partial.path}", file=sys.stderr)
    else:
        print(f"Training in {partial.path}", file=sys.stderr)
    files.delete(partial.output)
    try:
        with estimator.resumable(partial.checkpoints):
            stock_train(partial.output, False, *args, **kwargs)
    except KeyboardInterrupt as interrupt:
        if not partial.has_progress():
            partial.delete()
            raise KeyboardInterrupt("interrupted before the first step.") from None
        without = " without --overwrite" if overwrite else ""
        raise KeyboardInterrupt(
            f"{interrupt or 'interrupted'}. The same command{without} goes on from "
            f"there; {partial.path} holds the unfinished run."
        ) from None
    except BaseException:
        if not partial.has_progress():
            partial.delete()
        raise
    checkpoints.keep_newest(partial.checkpoints)
    # Last, so that checkpoints beside the output say that it is whole.
    os.rename(partial.checkpoints, partial.output_checkpoints)
