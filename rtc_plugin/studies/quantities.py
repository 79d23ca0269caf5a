# SPDX-License-Identifier: Apache-2.0
"""The quantities that the paper compares, read off a results table."""

import re

import numpy as np
import pandas as pd

from rtc_plugin.studies import results_table

# The four models of the paper's figures; the others are context.
PAPER_MODELS = ("factor_vae", "dip_vae_i", "dip_vae_ii", "rtc_vae")
LABELS = {
    "factor_vae": "FactorVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "rtc_vae": "RTC-VAE",
    "beta_vae": "beta-VAE",
    "beta_tc_vae": "beta-TCVAE",
    "annealed_vae": "AnnealedVAE",
    "tc_vae": "TC-VAE",
}
# Where each is found, the best source first: '<representation>/<metric>/<score>', with
# * for one part of it. The library's own scores come last: they are the same quantity
# from other images.
SOURCES = {
    "tc_mean": ("*/*/tc_mean", "mean/*/gaussian_total_correlation"),
    "tc_sample": ("*/*/tc_sample", "sampled/*/gaussian_total_correlation"),
    "tc_mean_active": ("*/*/tc_mean_active",),
    "tc_sample_active": ("*/*/tc_sample_active",),
    "tc_noise": ("*/*/tc_noise_floor_std",),
    "num_active": ("*/*/num_active",),
    "num_mixed": ("*/*/num_mixed",),
    "num_passive": ("*/*/num_passive",),
    "gaussian_sample": ("*/*/gaussian_sample",),
    "knn_sample": ("*/*/knn_sample",),
    "knn_sample_stderr": ("*/*/knn_sample_stderr",),
    "knn_excess_sample": ("*/*/knn_excess_sample",),
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


def quantities(table):
    """Puts what the figures and claims need in a row per model.

    Args:
        table: DataFrame as `results_table.to_table` gives it.

    Returns:
        DataFrame with `results_table.MODEL_COLUMNS`, a float column for each of
        `SOURCES` (NaN where the table has none), `weight` (the strength on the scale
        of the paper's beta: less 1 for beta-TCVAE), `signal_share_mean`, `_min` and
        `_max` over the latents, and a column of arrays for each of `LISTS` (None
        where there is none). Sorted by data set, model, strength and seed.
    """
    wide = results_table.wide(table)
    models = wide[list(results_table.MODEL_COLUMNS)].copy()
    for name, kind in results_table.MODEL_COLUMNS.items():
        if kind == "string":  # Plain ones: Arrow's booleans do no arithmetic.
            models[name] = models[name].astype(object)
    scores = [name for name in wide if "/" in name and not _is_config(name)]
    models["weight"] = models["strength"] - np.float64(models["model"] == "beta_tc_vae")
    for name, patterns in SOURCES.items():
        found = [c for pattern in patterns for c in scores if _matches(pattern, c)]
        models[name] = np.nan
        for column in found:
            models[name] = models[name].fillna(wide[column])
    for name, pattern in LISTS.items():
        models[name] = _arrays(wide, scores, pattern)
    shares = models["signal_share"]
    for suffix, reduce in (("mean", np.mean), ("min", np.min), ("max", np.max)):
        models[f"signal_share_{suffix}"] = [
            np.nan if share is None else float(reduce(share)) for share in shares
        ]
    order = ["dataset", "model", "strength", "seed"]
    return models.sort_values(order, kind="stable").reset_index(drop=True)


def label(model):
    """Returns what the paper calls a model."""
    return LABELS.get(model, model)


def in_order(names):
    """Returns models in the order of the paper's legends, context last."""
    known = list(LABELS)
    return sorted(
        set(names), key=lambda n: (known.index(n) if n in known else len(known), n)
    )


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
