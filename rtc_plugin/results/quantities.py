# SPDX-License-Identifier: Apache-2.0
"""The quantities that the paper compares, read off a results table."""

import re

import numpy as np
import pandas as pd

from rtc_plugin.data import constant_image
from rtc_plugin.results import models as models_lib
from rtc_plugin.results import table as results_table
from rtc_plugin.results.models import PAPER_MODELS, in_order, label

__all__ = ["PAPER_MODELS", "describe", "in_order", "label", "not_learnt", "quantities"]

# Where each is found, the best source first: '<representation>/<metric>/<score>', with
# * for one part of it. The library's own scores come last: they are the same quantity
# from other images.
SOURCES = {
    "tc_mean": ("*/*/tc_mean", "mean/*/gaussian_total_correlation"),
    "tc_sample": ("*/*/tc_sample", "sampled/*/gaussian_total_correlation"),
    "tc_mean_active": ("*/*/tc_mean_active",),
    "tc_sample_active": ("*/*/tc_sample_active",),
    "num_permutations": ("*/*/num_permutations",),
    "tc_noise": ("*/*/tc_noise_floor_std",),
    "num_active": ("*/*/num_active",),
    "num_mixed": ("*/*/num_mixed",),
    "num_passive": ("*/*/num_passive",),
    "gaussian_sample": ("*/*/gaussian_sample",),
    "gaussian_sample_stderr": ("*/*/gaussian_sample_stderr",),
    "knn_sample": ("*/*/knn_sample",),
    "knn_sample_stderr": ("*/*/knn_sample_stderr",),
    "tree_sample": ("*/*/tree_sample",),
    "tree_sample_stderr": ("*/*/tree_sample_stderr",),
    "lower_bound_sample": ("*/*/lower_bound_sample",),
    "knn_excess_sample_stderr": ("*/*/knn_excess_sample_stderr",),
    "dependent_pairs": ("*/*/num_dependent_pairs_mean",),
    "num_pairs": ("*/*/num_pairs",),
    "sap": ("mean/*/SAP_score", "*/*/mean_r2_gap"),
    "mig": ("mean/*/discrete_mig", "*/*/mean_nmi_gap"),
    "disintegration": ("*/*/disintegration",),
    "r2_disintegration": ("*/*/r2_disintegration",),
    "reconstruction": ("*/*/reconstruction_bernoulli", "training/reconstruction_loss"),
}
# Lists: [num_latent], [num_factors], [num_factors, 2], [num_latent, num_factors].
LISTS = {
    "signal_share": "*/*/signal_share",
    "disintegration_per_factor": "*/*/disintegration_per_factor",
    "top2_nmi_scores": "*/*/top2_nmi_scores",
    "r2_matrix": "*/*/r2_matrix",
    "nmi_matrix": "*/*/nmi_matrix",
}


# What of a training says that its loss is another one.
LOSS_BINDINGS = {
    "reconstruction_loss.loss_fn": lambda text: "bernoulli_loss" not in text,
    "bernoulli_loss.subtract_true_image_entropy": lambda text: text == "True",
}
# A model whose loss is not below this part of the best constant image's has not learnt:
# losses are of some 640 images, which of a constant one on dSprites is off by 1.5 %.
_NO_BETTER = 0.97


def quantities(table):
    """Puts what the figures and claims need in a row per model.

    Args:
        table: DataFrame as `results_table.to_table` gives it.

    Returns:
        DataFrame with `results_table.MODEL_COLUMNS`, a float column for each of
        `SOURCES` (NaN where the table has none), and
            number                      the model's in its study; the row's, from 1,
                                        where not all have one of their own
            weight, steps_per_update    see `models_lib.Scale`
            updates                     of the encoder
            excess_sample, _stderr      `lower_bound_sample` beyond `gaussian_sample`
            constant_image              reconstruction loss of the best constant image
                                        of the data set, nats; NaN if it is not known
            not_learnt                  why the model counts as one that has not learnt,
                                        '' for the others, see `not_learnt`
            signal_share_mean, _min, _max   over the latents
        and a column of arrays for each of `LISTS` (None where there is none). In a
        table without `lower_bound_sample` that is what neighbours find. Of fewer than
        two active latents there is no total correlation: `tc_mean_active` and
        `tc_sample_active` are NaN, whatever the table says. A model whose noise
        `correlated_gaussian` has correlated is another model, 'correlated/...'. Sorted
        by data set, model, strength and seed.
    """
    wide = results_table.wide(table)
    models = wide[list(results_table.MODEL_COLUMNS)].copy()
    for name, kind in results_table.MODEL_COLUMNS.items():
        if kind == "string":  # Plain ones: Arrow's booleans do no arithmetic.
            models[name] = models[name].astype(object)
    models.loc[_has_correlated_noise(wide), "model"] = (
        models_lib.CORRELATED + models["model"]
    )
    scores = [name for name in wide if "/" in name and not _is_config(name)]
    scales = [models_lib.scale(row) for row in wide.to_dict("records")]
    models["weight"] = [scale.weight for scale in scales]
    models["steps_per_update"] = [scale.steps_per_update for scale in scales]
    models["weight"] = models["weight"].astype(float)
    steps = models["training_steps"].to_numpy(float, na_value=np.nan)
    models["updates"] = steps / models["steps_per_update"].to_numpy(float)
    for name, patterns in SOURCES.items():
        found = [c for pattern in patterns for c in scores if _matches(pattern, c)]
        models[name] = np.nan
        for column in found:
            models[name] = models[name].fillna(wide[column])
    for name in ("tc_mean_active", "tc_sample_active"):
        models[name] = models[name].mask(models["num_active"] < 2)
    _add_excess(models)
    models["constant_image"] = _constant_image(models, wide)
    models["not_learnt"] = [not_learnt(row) for row in models.to_dict("records")]
    for name, pattern in LISTS.items():
        models[name] = _arrays(wide, scores, pattern)
    shares = models["signal_share"]
    for suffix, reduce in (("mean", np.mean), ("min", np.min), ("max", np.max)):
        models[f"signal_share_{suffix}"] = [
            np.nan if share is None else float(reduce(share)) for share in shares
        ]
    order = ["dataset", "model", "strength", "seed"]
    models = models.sort_values(order, kind="stable").reset_index(drop=True)
    numbers = models["model_num"]
    is_numbered = numbers.notna().all() and numbers.is_unique
    models["number"] = numbers.astype(int) if is_numbered else models.index + 1
    return models


def _has_correlated_noise(wide):
    """Whether the model was given `correlated_gaussian` noise; an array of booleans."""
    found = np.zeros(len(wide), bool)
    for name in ("rho", "alpha"):
        column = f"{results_table.TRAIN_CONFIG}correlated_gaussian.{name}"
        if column in wide:
            numbers = pd.to_numeric(wide[column], errors="coerce")
            found |= np.nan_to_num(numbers.to_numpy(float, na_value=np.nan)) != 0
    return found


def _add_excess(models):
    """Adds what the lower bound finds beyond the Gaussian, and its standard error."""
    bound = models["lower_bound_sample"].fillna(models["knn_sample"])
    models["lower_bound_sample"] = bound
    models["excess_sample"] = bound - models["gaussian_sample"]
    # The two errors of the tree's excess go together, so that this is too much, if any.
    by_tree = np.hypot(models["tree_sample_stderr"], models["gaussian_sample_stderr"])
    by_knn = models["knn_excess_sample_stderr"]
    models["excess_sample_stderr"] = by_tree.where(bound > models["knn_sample"], by_knn)


def _constant_image(models, wide):
    """Returns what a constant image would score where the table has `reconstruction`.

    NaN where that is another loss than the whole of the Bernoulli one.
    """
    measured = [c for c in wide if _matches("*/*/reconstruction_bernoulli", c)]
    other = is_other_loss(wide) & wide[measured].isna().all(axis=1)
    return constant_loss(models["dataset"]).mask(other)


def constant_loss(datasets):
    """Returns the best constant image's loss [nats] per row, NaN if not known."""
    return datasets.map(constant_image.LOSSES).astype(float)


def is_other_loss(rows):
    """Whether models trained with another loss than the whole of the Bernoulli one.

    Args:
        rows: DataFrame with the bindings of the training as columns.

    Returns:
        Series of booleans; what is not recorded is the library's default.
    """
    other = pd.Series(False, index=rows.index)
    for binding, is_other in LOSS_BINDINGS.items():
        column = results_table.TRAIN_CONFIG + binding
        if column in rows:
            found = [not pd.isna(x) and is_other(str(x)) for x in rows[column]]
            other |= np.array(found, bool)
    return other


def not_learnt(row):
    """Returns why a model counts as one that has not learnt.

    It has no active latent, or reconstructs no better than the best constant image
    (within 3 %, for the error of its loss). What its total correlations say is how
    constants and noise correlate, so no claim is judged on it.

    Args:
        row: Mapping with `num_active`, `reconstruction` and `constant_image`, NaN where
            they are not known; what is not known does not count against a model.

    Returns:
        String such as 'no active latent, reconstruction 790 nats and 782 by a constant
        image', '' if the model has learnt.
    """
    reasons = ["no active latent"] if row["num_active"] == 0 else []
    if row["reconstruction"] >= _NO_BETTER * row["constant_image"]:
        reasons.append(
            f"reconstruction {row['reconstruction']:.4g} nats and "
            f"{row['constant_image']:.4g} by a constant image"
        )
    return ", ".join(reasons)


def describe(row):
    """Returns what a model is called, wherever it is named.

    Args:
        row: Mapping with `model`, `strength` and `seed` and, if it is numbered,
            `number`.

    Returns:
        String such as 'RTC-VAE 10, seed 0, no. 7', without what is missing. The
        strength is `models_lib.Scale.weight`: beta-TCVAE's beta of 11 is a 10.
    """
    weight = models_lib.scale(row).weight
    name = label(row["model"]) + ("" if np.isnan(weight) else f" {weight:g}")
    for word, part in (("seed", row["seed"]), ("no.", row.get("number"))):
        name += "" if pd.isna(part) else f", {word} {part}"
    return name


def _is_config(name):
    return name.startswith(results_table.TRAIN_CONFIG)


def _matches(pattern, column):
    regex = re.escape(pattern).replace(r"\*", "[^/]+")
    return re.fullmatch(regex, column) is not None


def _arrays(wide, scores, pattern):
    """Gathers the columns 'pattern/0', 'pattern/1/2', ... into an array per model."""
    regex = re.escape(pattern).replace(r"\*", "[^/]+")
    groups = {}
    for column in scores:
        match = re.fullmatch(rf"({regex})/((?:\d+/)*\d+)", column)
        if match:
            index = tuple(int(i) for i in match[2].split("/"))
            groups.setdefault(match[1], {})[index] = wide[column].to_numpy(float)
    arrays = [None] * len(wide)
    for cells in groups.values():
        for row in range(len(wide)):
            if arrays[row] is None:
                arrays[row] = _array({i: values[row] for i, values in cells.items()})
    return pd.Series(arrays, index=wide.index, dtype=object)


def _array(cells):
    """Makes an array of {index: value}; models of other sizes leave NaN behind."""
    cells = {index: value for index, value in cells.items() if not np.isnan(value)}
    if not cells:
        return None
    array = np.full(np.max(list(cells), axis=0) + 1, np.nan)
    for index, value in cells.items():
        array[index] = value
    return array
