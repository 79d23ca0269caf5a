# SPDX-License-Identifier: Apache-2.0
"""Argument checks that every estimator shares."""

import numbers
from typing import Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What random numbers are drawn from, see `random_generator`.
Seed = Union[int, np.random.RandomState, np.random.Generator, None]


class InputError(ValueError):
    """An argument that an estimator refuses on purpose.

    Its message is one line that names the argument. Any other ValueError of this
    package is a mistake of its own.
    """


def matrix(array: ArrayLike, name: str, min_rows: int = 2) -> NDArray:
    """Returns `array` as a finite float64 matrix.

    Args:
        array: Array-like of shape [num_samples, num_latent].
        name: The argument's name, for the message.
        min_rows: Smallest number of rows that makes sense.

    Raises:
        ValueError: Not two-dimensional, too few rows, no columns, NaN or infinity.
    """
    array = np.asarray(array, dtype=np.float64)
    if array.ndim != 2:
        raise InputError(
            f"{name} must have shape [num_samples, num_latent], got {array.shape}."
        )
    if array.shape[0] < min_rows or array.shape[1] < 1:
        raise InputError(
            f"{name} needs at least {min_rows} rows and one column, got {array.shape}."
        )
    if not np.all(np.isfinite(array)):
        bad = np.flatnonzero(~np.isfinite(array).all(axis=0)).tolist()
        raise InputError(f"{name} has NaN or infinite entries in columns {bad}.")
    return array


def precision_of(array: ArrayLike) -> np.dtype:
    """Returns the floating-point type that an array's values were computed in.

    Args:
        array: Array-like of numbers.

    Returns:
        The array's dtype if it is a floating-point type, else float64; float32 if a
        wider array holds nothing but float32 values, because a cast adds no precision.
    """
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return np.dtype(np.float64)
    if array.dtype.itemsize > 4:
        with np.errstate(over="ignore"):
            narrow = np.array_equal(array, array.astype(np.float32))
        return np.dtype(np.float32 if narrow else np.float64)
    return array.dtype


def encodings(
    z_mean: ArrayLike, z_logvar: ArrayLike, min_rows: int = 2
) -> tuple[NDArray, NDArray]:
    """Returns the mean and log variance of Gaussian encodings, checked together."""
    z_mean = matrix(z_mean, "z_mean", min_rows)
    z_logvar = matrix(z_logvar, "z_logvar", min_rows)
    same_shape(z_logvar, "z_logvar", z_mean, "z_mean")
    return z_mean, z_logvar


def same_shape(array: ArrayLike, name: str, other: NDArray, other_name: str) -> None:
    """Raises a ValueError unless both arrays have one shape."""
    if array.shape != other.shape:
        raise InputError(
            f"{name} has shape {array.shape}, but {other_name} has {other.shape}."
        )


def positive_integer(value: int, name: str, minimum: int = 1) -> int:
    """Returns `value` as an int that is at least `minimum`.

    Raises:
        ValueError: Not an integer, or too small.
    """
    if not isinstance(value, numbers.Integral) or value < minimum:
        raise InputError(f"{name} must be an integer >= {minimum}, got {value!r}.")
    return int(value)


def random_generator(random_state: Seed) -> np.random.Generator:
    """Returns a NumPy Generator.

    Args:
        random_state: Seed, `numpy.random.RandomState` (as the library hands to its
            metrics) or `numpy.random.Generator`. A RandomState seeds a Generator of
            its own and moves on by four draws.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31, size=4)
    return np.random.default_rng(random_state)
