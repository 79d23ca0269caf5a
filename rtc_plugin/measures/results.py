# SPDX-License-Identifier: Apache-2.0
"""What a metric hands back: plain numbers that JSON can hold."""

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, Callable

import numpy as np
import threadpoolctl
from numpy.typing import ArrayLike

from rtc_plugin.errors import UserError
from rtc_plugin.total_correlation.checks import InputError


def to_json(results: dict[str, Any]) -> dict[str, Any]:
    """Turns the results of a metric into plain Python values.

    Args:
        results: Dictionary of numbers, strings, None, arrays and nestings of lists and
            of dictionaries.

    Returns:
        Dictionary of the same keys.

    Raises:
        ValueError: A value is NaN or infinite: JSON has no such number, and a metric
            shall say None where it has no value.

    Examples:
        >>> to_json({"scores": np.eye(2), "best": np.int64(1), "none": None})
        {'scores': [[1.0, 0.0], [0.0, 1.0]], 'best': 1, 'none': None}
    """
    return {name: _plain(value, name) for name, value in results.items()}


def _plain(value, name):
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is not finite.")
    return value


def withhold(results: dict[str, Any], keys: Iterable[str], reason: str) -> None:
    """Notes in the results of a metric that some values cannot be had, and why.

    The values become None, `not_computed` lists their keys, and `reasons` has a
    sentence for each.

    Args:
        results: Dictionary, changed in place.
        keys: The keys of the values.
        reason: One sentence for the user.
    """
    results.update(dict.fromkeys(keys))
    results.setdefault("not_computed", []).extend(keys)
    results.setdefault("reasons", {}).update(dict.fromkeys(keys, reason))


def off_diagonal(matrix: ArrayLike) -> list:
    """Returns a square matrix as nested lists with None on its diagonal."""
    matrix = np.asarray(matrix).tolist()
    for i, row in enumerate(matrix):
        row[i] = None
    return matrix


def block_standard_error(
    statistic: Callable, samples: ArrayLike, num_blocks: int = 10
) -> ArrayLike:
    """Estimates the standard error of a statistic from disjoint blocks.

    Neighbour methods cannot be bootstrapped, because a resample has copies. The spread
    over blocks of n / num_blocks samples, divided by sqrt(num_blocks), is the standard
    error at n if the variance goes as 1/n; it has about 25 % error itself at 10 blocks.

    Args:
        statistic: Function from [m, num_latent] to a number or an array of numbers.
        samples: [n, num_latent], independent rows.
        num_blocks: Number of blocks.

    Returns:
        Float, or an array like the statistic's.
    """
    values = [statistic(samples[i::num_blocks]) for i in range(num_blocks)]
    return np.std(values, axis=0, ddof=1) / math.sqrt(num_blocks)


@contextlib.contextmanager
def estimating(name: str) -> Iterator[None]:
    """Runs estimators: one BLAS thread, and refusals in one line for the user.

    Only what an estimator refuses on purpose, by an `InputError`, is the user's to
    mend; any other error is a mistake in the program and keeps its traceback.

    Their matrices are small, so that the threads of a linear-algebra library would
    wait for each other longer than they work: many times longer on a busy machine.

    Args:
        name: Name of the metric.
    """
    try:
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            yield
    except InputError as error:
        raise UserError(f"{name} cannot be computed: {error}") from error
