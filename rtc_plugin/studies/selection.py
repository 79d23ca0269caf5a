# SPDX-License-Identifier: Apache-2.0
"""Which models of a study are meant: numbers, ranges and filters."""

import fnmatch
import re

from rtc_plugin.errors import UserError


def select(models, numbers=None, conditions=None):
    """Returns the numbers of the models that are meant.

    Args:
        models: List of dictionaries as `study_folder.list_models` gives it.
        numbers: Text such as '0-5,8', or None for all.
        conditions: Text such as 'model=rtc_vae,dataset=shapes3d*', or None. The names
            are model, dataset, strength, seed and those of bindings; values may have
            wildcards. Of two conditions on one name, either may hold.

    Returns:
        List of numbers, in order and without repetition.

    Raises:
        UserError: If a number is out of range, the text is no such thing, or no model
            fits.
    """
    wanted = parse_numbers(numbers, len(models)) if numbers else range(len(models))
    accepted = parse_conditions(conditions, models) if conditions else {}
    chosen = [num for num in wanted if _fits(models[num], accepted)]
    if not chosen:
        raise UserError(
            f"--filter={conditions}: no model fits; `rtc study list --study=...` shows "
            "them all."
        )
    return chosen


def parse_numbers(text, count, name="--models="):
    """Returns the numbers that a text such as '0-5,8' names, each once.

    Args:
        text: Numbers and ranges, which include their ends.
        count: Number of models.
        name: What the text is called in messages.

    Raises:
        UserError: If the text is no such thing or names a model that is not there.
    """
    numbers = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", part.strip())
        if not found or int(found[2] or found[1]) < int(found[1]):
            raise UserError(f"{name}{text}: give numbers and ranges such as 0-5,8.")
        check_numbers((int(found[2] or found[1]),), count, name)
        numbers += range(int(found[1]), int(found[2] or found[1]) + 1)
    return list(dict.fromkeys(numbers))


def check_numbers(numbers, count, name="--models="):
    """Raises a UserError if one of the numbers is no model's."""
    for number in numbers:
        if not 0 <= number < count:
            raise UserError(
                f"{name}{number}: there is no model {number}; the study has the models "
                f"0 to {count - 1}."
            )


def format_numbers(numbers):
    """Returns the shortest text that `parse_numbers` reads as these numbers."""
    ranges = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in ranges
    )


def parse_conditions(text, models):
    """Returns the values that a text such as 'model=rtc_vae,seed=0' accepts.

    Args:
        text: Conditions, separated by commas.
        models: See `select`.

    Returns:
        Dictionary from names to lists of text.

    Raises:
        UserError: If a condition is no such thing, or no model has the name.
    """
    names = list(dict.fromkeys(name for model in models for name in model))
    accepted = {}
    for condition in text.split(","):
        name, equals, value = condition.partition("=")
        if not equals:
            raise UserError(
                f"--filter={text}: give conditions such as "
                "model=rtc_vae,dataset=shapes3d."
            )
        if name not in names:
            raise UserError(
                f"--filter={text}: no model has {name}; choose among "
                f"{', '.join(names)}."
            )
        accepted.setdefault(name, []).append(value)
    return accepted


def _fits(model, accepted):
    return all(
        any(_equals(model.get(name, ""), text) for text in texts)
        for name, texts in accepted.items()
    )


def _equals(value, text):
    if isinstance(value, (int, float)):
        try:
            return value == float(text)
        except ValueError:
            return False
    return fnmatch.fnmatchcase(str(value), text)
