# SPDX-License-Identifier: Apache-2.0
"""Arrays of anyone's model, checked and named: what every measure starts from."""

import math
from typing import NamedTuple, Optional

import numpy as np

from rtc_plugin.errors import UserError
from rtc_plugin.measures.codes import MEAN, MEAN_AND_LOGVAR, SAMPLED, Codes
from rtc_plugin.measures.scores import CATEGORICAL
from rtc_plugin.total_correlation.checks import precision_of
from rtc_plugin.total_correlation.discrete import ROWS_PER_VALUE

# Of more rows, so many are drawn: every measure but those of the study, which take
# 10,000 to learn from and 5,000 to test on, as the study did.
MAX_ROWS = 10_000
# The study's numbers of rows, and their shares where there are fewer.
NUM_TRAIN, NUM_TEST = 10_000, 5_000
# A floating-point column is discrete if each of its values has so many rows.
_ROWS_PER_VALUE = 10
NUM_BINS = 20


class Arrays(NamedTuple):
    """One model's codes and the factors behind them, rows in random order.

    Attributes:
        codes: `Codes` of the rows that the measures get.
        samples: [n, num_latent] draws of z that the user has given; None without.
        factors: [n, num_factors] integers: labels, or bins of continuous factors; None
            without factors.
        values: [n, num_factors] numbers: the factors as they came, or labels of those
            that are no numbers; None without factors.
        factor_names: [num_factors] names.
        categorical: Numbers of the factors whose values have no order.
        discrete_latents: Whether each latent takes few values.
        sampler: `Sampler`, or None.
        rows: [n] which rows of the user's arrays these are, in this order.
        notes: Sentences on what was found and done.
    """

    codes: Codes
    samples: Optional[np.ndarray]
    factors: Optional[np.ndarray]
    values: Optional[np.ndarray]
    factor_names: list
    categorical: tuple
    discrete_latents: bool
    sampler: object
    rows: np.ndarray
    notes: list

    def head(self, num_rows):
        """Returns the first rows."""
        return self.select(slice(num_rows))

    def select(self, which):
        """Returns some rows, as an index of NumPy names them."""
        picked = {
            name: getattr(self, name)[which]
            for name in ("samples", "factors", "values", "rows")
            if getattr(self, name) is not None
        }
        codes = {
            name: value[which]
            for name, value in self.codes._asdict().items()
            if isinstance(value, np.ndarray)
        }
        whole = self.codes.whole_dataset and len(picked["rows"]) == len(self.rows)
        codes = self.codes._replace(whole_dataset=whole, **codes)
        return self._replace(codes=codes, **picked)

    def split(self):
        """Returns the rows to learn from and those to test on.

        10,000 and 5,000 as in the study; of fewer rows, two thirds and one third.
        """
        num_train = min(NUM_TRAIN, math.ceil(2 * len(self.rows) / 3))
        test = slice(num_train, num_train + NUM_TEST)
        return self.select(slice(num_train)), self.select(test)


class GridSampler:
    """Draws codes of images by their factors, from a table of all combinations.

    What BetaVAE's and FactorVAE's scores ask of a data set and an encoder. Any object
    with these two methods and `num_factors` serves, an encoder over a data set say.

    Args:
        z: [n, num_latent] codes, one row per combination of factors.
        labels: [n, num_factors] integers from 0 that make up a full grid.

    Raises:
        UserError: They do not.
    """

    def __init__(self, z, labels):
        self.sizes = labels.max(axis=0) + 1
        if not is_full_grid(labels):
            raise UserError(
                f"factors: {len(labels)} rows are no full grid of "
                f"{' x '.join(map(str, self.sizes))} values, each combination once."
            )
        self.num_factors = len(self.sizes)
        self._z = np.empty_like(z)
        self._z[self._numbers(labels)] = z

    def sample_factors(self, num, random_state):
        """Draws [num, num_factors] values; `random_state` is a RandomState."""
        columns = [random_state.randint(size, size=num) for size in self.sizes]
        return np.stack(columns, axis=1)

    def codes(self, factors, random_state):
        """Returns the codes [n, num_latent] of images with these factors."""
        del random_state  # An image is a function of its factors.
        return self._z[self._numbers(factors)]

    def _numbers(self, factors):
        return np.ravel_multi_index(tuple(factors.T), self.sizes)


def is_full_grid(labels):
    """Returns whether rows of labels are all combinations, each once."""
    sizes = [int(size) for size in labels.max(axis=0) + 1]
    if math.prod(sizes) != len(labels):
        return False
    return len(np.unique(np.ravel_multi_index(tuple(labels.T), sizes))) == len(labels)


def check(
    codes,
    factors=None,
    logvar=None,
    samples=None,
    discrete_factors="auto",
    discrete_latents="auto",
    factor_names=None,
    sampler=None,
    random_state=0,
):
    """Makes `Arrays` of what `measure` is given.

    Raises:
        UserError: One line with the array's name, what was found and what is needed.
    """
    z = _matrix(codes, "codes")
    num_rows, num_latent = z.shape
    if num_rows <= num_latent:
        raise UserError(
            f"codes: {num_rows} rows for {num_latent} latents; give more rows than "
            "latents (5000 as in the paper), a row per image."
        )
    if logvar is not None and samples is not None:
        raise UserError(
            "logvar and samples: both say what z ~ q(z|x) is; give one of the two."
        )
    notes = _notes_on_latents(z)
    if logvar is not None:
        logvar = _alike(logvar, "logvar", z)
        if logvar.max() > 700:
            raise UserError(
                f"logvar: the largest is {logvar.max():.3g}, whose variance is "
                "infinite; give natural logarithms of variances."
            )
        if logvar.min() >= 0 and np.ptp(logvar) > 0:
            notes.append("logvar is nowhere below 0: are these variances, not logs?")
    if samples is not None:
        samples = _alike(samples, "samples", z)
    labels = values = None
    categorical, names = (), []
    if factors is not None:
        columns, names = _columns(factors, factor_names, num_rows)
        discrete = _which_discrete(columns, names, discrete_factors)
        labels, values, categorical = _labels(columns, names, discrete, notes)
    elif factor_names is not None:
        raise UserError(f"factor_names: {len(factor_names)} names, but no factors.")
    is_grid = labels is not None and is_full_grid(labels)
    if sampler is None and is_grid:
        sampler = GridSampler(z, labels)
    rows = np.random.RandomState(random_state).permutation(num_rows)
    found = Codes(
        MEAN if logvar is None else MEAN_AND_LOGVAR,
        np.zeros((num_rows, 0), int) if labels is None else labels,
        z_mean=z.astype(np.float64),
        z_logvar=None if logvar is None else logvar.astype(np.float64),
        precision=precision_of(z),
        whole_dataset=is_grid,
    )
    return Arrays(
        codes=found,
        samples=samples,
        factors=labels,
        values=values,
        factor_names=names,
        categorical=categorical,
        discrete_latents=_are_discrete(z, discrete_latents),
        sampler=sampler,
        rows=np.arange(num_rows),
        notes=notes,
    ).select(rows)


def sampled(arrays):
    """Returns the `Codes` of the draws that the user has given."""
    return arrays.codes._replace(
        representation=SAMPLED,
        z_mean=None,
        z_sampled=arrays.samples,
        precision=precision_of(arrays.samples),
    )


def _matrix(array, name):
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise UserError(
            f"{name}: holds {_kind(array)}; give numbers of shape [n, num_latent]."
        )
    if array.ndim != 2 or not array.size:
        raise UserError(
            f"{name}: has shape {list(array.shape)}; give [n, num_latent], a row per "
            "image."
        )
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        columns = np.flatnonzero(~finite.all(axis=0)).tolist()
        what = "NaN" if np.isnan(array).any() else "infinity"
        raise UserError(
            f"{name}: {what} in {np.count_nonzero(~finite.all(axis=1))} of "
            f"{len(array)} rows, latents {columns}; a diverged training leaves it."
        )
    return array


def _alike(array, name, z):
    array = _matrix(array, name)
    if array.shape != z.shape:
        raise UserError(
            f"{name}: has shape {list(array.shape)}, but codes {list(z.shape)}; give "
            "both alike."
        )
    return array


def _notes_on_latents(z):
    constant = np.flatnonzero(np.ptp(z, axis=0) == 0)
    if len(constant) == z.shape[1]:
        raise UserError(
            f"codes: all {z.shape[1]} latents are constant; there is nothing to "
            "measure."
        )
    if len(constant):
        return [
            f"latents {constant.tolist()} are constant: they depend on nothing and "
            "know nothing."
        ]
    return []


def _columns(factors, factor_names, num_rows):
    """Returns the factors as a list of columns, and their names."""
    if hasattr(factors, "columns") and hasattr(factors, "to_numpy"):  # A DataFrame.
        names = [str(name) for name in factors.columns]
        columns = [factors[name].to_numpy() for name in factors.columns]
    else:
        array = np.asarray(factors)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or not array.shape[1]:
            raise UserError(
                f"factors: has shape {list(array.shape)}; give [n, num_factors], a row "
                "per image."
            )
        names = [f"factor_{i}" for i in range(array.shape[1])]
        columns = list(array.T)
    if len(columns[0]) != num_rows:
        raise UserError(
            f"factors: {len(columns[0])} rows, but codes {num_rows}; give a row of "
            "each per image."
        )
    if factor_names is not None:
        if len(factor_names) != len(columns):
            raise UserError(
                f"factor_names: {len(factor_names)} names for {len(columns)} factors."
            )
        names = [str(name) for name in factor_names]
    if len(set(names)) < len(names):
        raise UserError(f"factor_names: {names} name a factor twice.")
    for column, name in zip(columns, names):
        _check_factor(column, name)
    return columns, names


def _check_factor(column, name):
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        bad = np.count_nonzero(~np.isfinite(column))
        raise UserError(
            f"factors: {name} is NaN or infinite in {bad} of {len(column)} rows; leave "
            "those rows out."
        )
    if column.dtype.kind == "O" and any(value is None for value in column):
        raise UserError(f"factors: {name} has rows without a value; leave them out.")
    if column.dtype.kind not in "fiubUSO":
        raise UserError(f"factors: {name} holds {_kind(column)}; give numbers or text.")


def _which_discrete(columns, names, discrete_factors):
    if isinstance(discrete_factors, str) and discrete_factors == "auto":
        return [
            column.dtype.kind != "f"
            or len(np.unique(column)) * _ROWS_PER_VALUE <= len(column)
            for column in columns
        ]
    if isinstance(discrete_factors, bool):
        return [discrete_factors] * len(columns)
    unknown = set(discrete_factors) - set(names)
    if unknown:
        raise UserError(
            f"discrete_factors: {sorted(map(str, unknown))} are no factors; these are "
            f"{names}; or give True, False or 'auto'."
        )
    return [name in discrete_factors for name in names]


def _labels(columns, names, discrete, notes):
    """Returns labels, values and the numbers of the categorical factors."""
    labels, values, categorical = [], [], []
    for j, (column, name, is_discrete) in enumerate(zip(columns, names, discrete)):
        is_number = column.dtype.kind in "fiub"
        found, label = np.unique(
            column if is_number else column.astype(str), return_inverse=True
        )
        label = label.reshape(-1)
        if not is_number or name in CATEGORICAL:
            categorical.append(j)
        if not is_number and not is_discrete:
            raise UserError(f"discrete_factors: {name} is text; it is discrete.")
        if is_discrete and len(found) > len(column) / 2 and len(found) > NUM_BINS:
            raise UserError(
                f"factors: {name} takes {len(found)} values in {len(column)} rows; "
                "leave it out of discrete_factors, so that it is put into bins."
            )
        if not is_discrete:
            edges = np.histogram_bin_edges(column, NUM_BINS)[1:-1]
            label = np.unique(np.digitize(column, edges), return_inverse=True)[1]
            notes.append(
                f"factor {name} is continuous ({column.dtype}, {len(found)} values): "
                f"what counts values takes {NUM_BINS} bins of equal width."
            )
        if len(found) == 1:
            notes.append(f"factor {name} is constant.")
        labels.append(label.reshape(-1))
        # The library's factors are numbers of values; so are those of discrete floats.
        as_is = column.dtype.kind in "iu" or not is_discrete
        values.append(column.astype(np.float64) if as_is else label)
    return np.stack(labels, 1), np.stack(values, 1), tuple(categorical)


def _are_discrete(z, discrete_latents):
    if discrete_latents != "auto":
        return bool(discrete_latents)
    varying = z[:, np.ptp(z, axis=0) > 0]
    return all(len(np.unique(x)) * ROWS_PER_VALUE <= len(x) for x in varying.T)


def _kind(array):
    return {"O": "objects", "U": "text", "S": "text", "c": "complex numbers"}.get(
        array.dtype.kind, str(array.dtype)
    )
