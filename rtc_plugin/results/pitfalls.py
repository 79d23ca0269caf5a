# SPDX-License-Identifier: Apache-2.0
"""What makes numbers that stand side by side not comparable, found in the data."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from rtc_plugin.results import models as models_lib

OWN, ZOO = "own", "zoo"
_GAUSSIAN_OF_MEANS = ("Gaussian TC", "TC of means")
_STUDY_STEPS = 300_000
_OF_MIXTURE = "TC of the exact mixture"


class Pitfall(NamedTuple):
    """A reason not to compare blindly.

    Attributes:
        mark: Letter that stands beside the rows that are affected.
        title: A few words.
        text: What it does to which numbers, and what was found here.
        affected: [num_runs] booleans; none if it is only to be known.
    """

    mark: str
    title: str
    text: str
    affected: np.ndarray

    @property
    def is_found(self):
        """Whether rows are affected."""
        return bool(self.affected.any())


def find(runs):
    """Looks for pitfalls.

    Args:
        runs: DataFrame as `comparison.to_runs` gives it, both roles.

    Returns:
        List of `Pitfall`, always all of them, in a fixed order.
    """
    checks = (
        _half_steps,
        _batch_size,
        _training_steps,
        _network,
        _annealing,
        _noise,
        _sap_form,
        _sample_sizes,
        _bins,
        _representations,
        _not_learnt,
        _dead_latents,
        _saturation,
        _twins,
        _few_seeds,
    )
    found = []
    for mark, check in zip("abcdefghijklmnop", checks):
        title, text, affected = check(runs)
        found.append(Pitfall(mark, title, text, np.asarray(affected, dtype=bool)))
    return found


def _half_steps(runs):
    counts_both = [
        models_lib.scale(row).steps_per_update == 2 for row in runs.to_dict("records")
    ]
    return (
        "FactorVAE counts two steps per update",
        "The library hands the step counter to both of FactorVAE's optimisers, so "
        "300,000 training_steps are 150,000 updates of the model. RTC-VAE, unless "
        "rtc_vae.count_discriminator_step says otherwise, and the other methods count "
        "one per update: at equal training_steps FactorVAE has had half the training.",
        counts_both,
    )


def _differs(runs, column, what):
    """Marks own runs that have a value that the zoo's side does not have."""
    values = {
        role: sorted(set(runs.loc[runs["role"] == role, column].dropna()), key=_order)
        for role in (OWN, ZOO)
    }
    if not values[OWN] or not values[ZOO]:
        return f"The {what} is not known of both sides.", np.zeros(len(runs), bool)
    own, zoo = (_listed(values[role]) for role in (OWN, ZOO))
    if values[OWN] == values[ZOO] and len(values[OWN]) == 1:
        return f"Here the {what} is {own} everywhere.", np.zeros(len(runs), bool)
    odd = (runs["role"] == OWN) & ~runs[column].isin(values[ZOO])
    return f"Here: own {own}; the zoo's {zoo}.", odd.to_numpy(bool)


def _order(value):
    # Of two tables, one may have text where the other has numbers.
    return isinstance(value, str), value


def _listed(values):
    return ", ".join(
        f"{v:,}" if isinstance(v, (int, np.integer)) else str(v) for v in values
    )


def _batch_size(runs):
    found, affected = _differs(runs, "batch_size", "batch size")
    return (
        "Batch size",
        "The study trained with batches of 64, the paper of RTC-VAE with 500; at equal "
        f"steps that is eight times the images. {found}",
        affected,
    )


def _training_steps(runs):
    found, affected = _differs(runs, "training_steps", "number of steps")
    return (
        "Training steps",
        "Scores and total correlations go on changing for long. The study trained for "
        f"{_STUDY_STEPS:,} steps. {found}",
        affected,
    )


def _network(runs):
    column = "train_config.encoder.encoder_fn"
    found, affected = _differs(runs, column, "encoder")
    latents, odd = _differs(runs, "num_latent", "number of latents")
    return ("Networks", f"{found} {latents}", affected | odd)


def _as_numbers(column):
    """Returns an array of float64, NaN for what is missing or no number."""
    return pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)


def _annealing(runs):
    threshold = _as_numbers(runs["train_config.annealed_vae.iteration_threshold"])
    steps = _as_numbers(runs["training_steps"])
    affected = (runs["model"] == "annealed_vae").to_numpy(bool) & (steps < threshold)
    return (
        "AnnealedVAE cut short",
        "Its capacity grows up to c_max over iteration_threshold steps; with fewer "
        "training steps it never gets there.",
        affected,
    )


def _noise(runs):
    rho, alpha = (
        _as_numbers(runs[f"train_config.correlated_gaussian.{name}"])
        for name in ("rho", "alpha")
    )
    return (
        "Correlated noise",
        "Trained with correlated_gaussian, whose noise breaks the independence of the "
        "latents given the image, a model is called by the method that was given to "
        "it, and its strength is that method's.",
        (np.nan_to_num(rho) != 0) | (np.nan_to_num(alpha) != 0),
    )


def _setting(runs, pattern):
    """Returns per run what its settings say of a parameter, '' if nothing."""
    return runs["settings"].str.findall(rf"[\w./]*(?:{pattern})=[^,]*").str.join(", ")


def _setting_differs(runs, is_concerned, said):
    """Marks panels in which a setting differs between the sides or within one.

    Returns:
        [num_runs] booleans, and whether some runs do not record the setting.
    """
    affected = np.zeros(len(runs), bool)
    concerned = runs[is_concerned & (said != "").to_numpy(bool)]
    for _, rows in concerned.groupby(["dataset", "quantity", "representation"]):
        if said[rows.index].nunique() > 1:
            theirs = set(said[rows.index[rows["role"] == ZOO]])
            odd = rows.index[(rows["role"] == OWN) & ~said[rows.index].isin(theirs)]
            affected[odd if len(odd) else rows.index] = True
    return affected, len(concerned) < np.count_nonzero(is_concerned)


def _found(affected, unknown):
    if affected.any():
        return "Here it differs."
    return (
        "Of some runs here it is not recorded." if unknown else "Here it is the same."
    )


def _sap_form(runs):
    is_sap = (runs["quantity"] == "SAP").to_numpy(bool)
    affected, unknown = _setting_differs(
        runs, is_sap, _setting(runs, "continuous_factors")
    )
    return (
        "SAP by classifier or by R2",
        "The study's SAP scores linear SVMs (continuous_factors = False), that of the "
        "RTC-VAE paper squared correlations (True); the two are different numbers. "
        + _found(affected, unknown),
        affected,
    )


def _sample_sizes(runs):
    said = _setting(runs, r"num_\w*train|num_\w*eval|num_test|num_variance_estimate")
    # Its images are handed to the metrics inside, whose own numbers do not count.
    handed_over = said.str.extract(r"(rtc_metrics\.num_train=[^,]*)", expand=False)
    said = handed_over.fillna(said)
    concerned = np.ones(len(runs), bool)
    affected, unknown = _setting_differs(runs, concerned, said)
    return (
        "Sample sizes",
        "Scores depend on how many images they are computed from: classifiers learn "
        "more, mutual information is overestimated on few. The study takes 10,000 to "
        f"train and 5,000 to test. Used here: {_sizes(runs, said)}."
        + (" Of some runs it is not recorded." if unknown else ""),
        affected,
    )


def _sizes(runs, said):
    """Lists the numbers of images by what was computed from them."""
    used = {}
    for (quantity, role), texts in said.groupby([runs["quantity"], runs["role"]]):
        for text in sorted(set(texts) - {""}):
            used.setdefault(text, {}).setdefault(quantity, []).append(role)
    if not used:
        return "not recorded"
    parts = []
    for text, quantities in used.items():
        numbers = re.findall(r"\.(?:num_)?(\w+)=([^,]*)", text)
        sides = {"/".join(sorted(roles)) for roles in quantities.values()}
        whose = "" if sides == {f"{OWN}/{ZOO}"} else f" ({', '.join(sorted(sides))})"
        parts.append(
            f"{', '.join(quantities)}{whose}: "
            + ", ".join(f"{float(n):,.0f} ({name})" for name, n in numbers)
        )
    return "; ".join(parts)


def _bins(runs):
    uses_bins = runs["quantity"].isin(["MIG", "modularity"]).to_numpy(bool)
    affected, unknown = _setting_differs(runs, uses_bins, _setting(runs, "num_bins"))
    return (
        "Bins of MIG and modularity",
        "Latents are cut into 20 equal bins between their extremes, so that outliers "
        "and noise in a latent move the score, and another number of bins does, too. "
        + _found(affected, unknown),
        affected,
    )


def _representations(runs):
    both = set(runs["representation"]) >= {"mean", "sampled"}
    return (
        "Mean or sampled codes",
        "The same score of means and of samples are two scores, and the total "
        "correlation of the two moves in opposite directions in the study. They are "
        "never mixed here: each panel is one representation"
        + (", and both are shown." if both else "."),
        np.zeros(len(runs), bool),
    )


def _not_learnt(runs):
    models = _models(runs[runs["not_learnt"] != ""])
    return (
        "Not learnt",
        "A model without an active latent, or that reconstructs no better than the "
        "best constant image, has not learnt: its total correlations are those of "
        "constants and noise, and the means over runs contain them. Here that is known "
        f"of {len(models)} models.",
        (runs["not_learnt"] != "").to_numpy(bool),
    )


def _models(runs):
    """Keeps one run of each model, which has several by quantity."""
    identity = ["role", "origin", "folder", "model_num", "dataset", "model"]
    return runs.drop_duplicates([*identity, "strength", "seed"])


def _dead_latents(runs):
    is_tc = runs["quantity"].isin(_GAUSSIAN_OF_MEANS) & runs["representation"].isin(
        ["mean", "mean_and_logvar"]
    )
    passive = runs["num_passive"].fillna(0) + 0.0
    affected = is_tc & (passive > 0)
    known = _models(runs[is_tc & runs["num_passive"].notna()])
    said = (
        f"Here {int((known['num_passive'] > 0).sum())} of {len(known)} models in which "
        "it is known have passive latents."
        if len(known)
        else "Of the models here it is not known: rtc zoo evaluate tells."
    )
    return (
        "Dead latents inflate the Gaussian TC of means",
        "It is blind to scale: latents whose means hardly move count like any other, "
        "and five collapsed ones of ten can give 11 nats. Read it beside the active "
        f"latents' own. {said}",
        affected.to_numpy(bool),
    )


def _saturation(runs):
    is_mixture = runs["quantity"] == _OF_MIXTURE
    saturated = runs["index_code_mi_saturated"]
    known = saturated[is_mixture].dropna()
    said = (
        f"Here {int(known.sum())} of {len(known)} models in which it is known are "
        "saturated."
        if len(known)
        else "Of the models here it is not known."
    )
    return (
        "Mixture of few images",
        "The exact mixture is that of the encoded images. Where I(z;n) comes near the "
        "logarithm of their number, as with 5000 images and well-trained models, it is "
        "saturated: its total correlation is nats above that of the whole data set, "
        f"and its standard error does not say so. {said}",
        is_mixture & (saturated == 1.0),
    )


def _twins(runs):
    is_twin = runs["dataset"].str.endswith("_rendered").to_numpy(bool)
    return (
        "Rendered twins",
        "Data sets called ..._rendered are drawn anew with the factors of the public "
        "files; their images differ, and so do scores from those on the originals.",
        is_twin,
    )


def _few_seeds(runs):
    cell = ["dataset", "quantity", "representation", "role", "model", "strength"]
    sizes = runs.groupby(cell, dropna=False)["value"].transform("size")
    return (
        "Fewer than five seeds",
        "Seeds matter as much as methods in the study, which took 50. Intervals from "
        "two or three runs are too narrow; where a strength has a single run there are "
        "none.",
        (sizes < 5).to_numpy(bool),
    )
