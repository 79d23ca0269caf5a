# SPDX-License-Identifier: Apache-2.0
"""Values of gin bindings that cannot work, whatever the model or the metric.

The library takes them at their word: half a step is rounded up, no image at all becomes
a NaN in a result, a text fails after the imports, deep inside of TensorFlow.
"""

import numbers

from rtc_plugin.errors import UserError

# Stands for what the parser of gin cannot tell: a reference to a configurable or macro.
REFERENCE = object()
_MAX_SEED = 2**32 - 1  # NumPy's


def _is_number(value, kind=numbers.Real):
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_count(value):
    return _is_number(value, int) and value >= 1


def _are_counts(value):
    several = isinstance(value, (list, tuple)) and len(value) > 0
    return all(map(_is_count, value)) if several else _is_count(value)


def _is_seed(value):
    return _is_number(value, int) and 0 <= value <= _MAX_SEED


def _is_rate(value):
    return _is_number(value) and 0 < value < float("inf")


_COUNT = _is_count, "a whole number from 1 on"
_COUNTS = _are_counts, "a whole number from 1 on, or a list of such"
_SEED = _is_seed, f"a whole number from 0 to {_MAX_SEED}"
_MODEL = lambda value: False, "a reference to a model such as @rtc_vae()"  # noqa: E731
# By binding, else by parameter.
_WANTED = {
    "model.model": _MODEL,
    "training_steps": _COUNT,
    "eval_steps": _COUNT,
    "batch_size": _COUNT,
    "num_latent": _COUNT,
    "num_bins": _COUNT,
    "num_train": _COUNTS,
    "num_test": _COUNT,
    "num_eval": _COUNT,
    "num_variance_estimate": _COUNT,
    "random_seed": _SEED,
    "learning_rate": (_is_rate, "a number above 0"),
}


def check(where, name, value):
    """Checks the value of a binding.

    Args:
        where: File or flag that has it.
        name: 'configurable.parameter'.
        value: As gin's parser gives it; `REFERENCE` may be anything.

    Raises:
        UserError: It cannot work; names the binding and what it must be.

    Examples:
        >>> check("a.gin", "model.training_steps", 10)
        >>> try:
        ...     check("a.gin", "mig.num_train", 1.5)
        ... except UserError as error:
        ...     print(error)
        a.gin: mig.num_train = 1.5: must be a whole number from 1 on, or a list of such.
    """
    wanted = _WANTED.get(name) or _WANTED.get(name.rpartition(".")[2])
    if wanted is None or value is REFERENCE:
        return
    is_right, text = wanted
    if not is_right(value):
        raise UserError(f"{where}: {name} = {value!r}: must be {text}.")
