# SPDX-License-Identifier: Apache-2.0
"""What a model is called, what its strength is and what its training steps count.

`MODELS` says it of each model of the library and of the plugin, in the order of
legends; its colour is in `visualize.style`. Everything else is read off the bindings
that a training has recorded, through whatever watches, paces or disturbs the model.
"""

import math
from typing import NamedTuple


class Model(NamedTuple):
    """A kind of model.

    Attributes:
        label: What the paper calls it.
        strength: The gin parameter that sets the strength of regularisation.
        is_in_paper: Whether figures of the paper have it; the others are context.
        has_whole_weight: Whether its strength is the whole weight of the total
            correlation. That of FactorVAE and RTC-VAE comes on top of the one in the
            KL.
    """

    label: str
    strength: str
    is_in_paper: bool = False
    has_whole_weight: bool = False


MODELS = {
    "factor_vae": Model("FactorVAE", "factor_vae.gamma", is_in_paper=True),
    "dip_vae_i": Model("DIP-VAE-I", "dip_vae.lambda_od", is_in_paper=True),
    "dip_vae_ii": Model("DIP-VAE-II", "dip_vae.lambda_od", is_in_paper=True),
    "rtc_vae": Model("RTC-VAE", "rtc_vae.beta", is_in_paper=True),
    "beta_vae": Model("beta-VAE", "vae.beta"),
    "beta_tc_vae": Model("beta-TCVAE", "beta_tc_vae.beta", has_whole_weight=True),
    "annealed_vae": Model("AnnealedVAE", "annealed_vae.c_max"),
    "tc_vae": Model("TC-VAE", "tc_vae.beta", has_whole_weight=True),
}
PAPER_MODELS = tuple(name for name, model in MODELS.items() if model.is_in_paper)
# Before the name of a model whose noise is correlated given the image, in `quantities`.
CORRELATED = "correlated/"
# The binding that makes `rtc_vae` count like the library's FactorVAE.
COUNT_DISCRIMINATOR = "train_config.rtc_vae.count_discriminator_step"


class Scale(NamedTuple):
    """How to compare a model with others.

    Attributes:
        weight: Its strength on the scale of the RTC-VAE paper's beta: less 1 for
            beta-TCVAE and `tc_vae`, else the strength; NaN if that is not known.
        steps_per_update: Training steps that one update of the encoder counts.
    """

    weight: float
    steps_per_update: int


def scale(row):
    """Returns the scale of a model of the library, of the plugin or of anyone.

    Args:
        row: Mapping with `model` and `strength` as a results table has them and, where
            it is there, 'train_config.rtc_vae.count_discriminator_step'.

    Returns:
        `Scale`. The library's FactorVAE counts the discriminator's updates, too, and
        `rtc_vae` does if it is told to.
    """
    model, strength = plain(row["model"]), row["strength"]
    weight = math.nan if strength is None else float(strength)
    if model in MODELS:
        weight -= MODELS[model].has_whole_weight
    counts_both = model == "factor_vae" or (
        # A string where the column has other values, too.
        model == "rtc_vae" and str(row.get(COUNT_DISCRIMINATOR)) == "True"
    )
    return Scale(weight, 2 if counts_both else 1)


def plain(model):
    """Returns a model's name without `CORRELATED`."""
    return model[len(CORRELATED) :] if model.startswith(CORRELATED) else model


def label(model):
    """Returns what the paper calls a model."""
    name = plain(model)
    suffix = ", correlated noise" if name != model else ""
    return (MODELS[name].label if name in MODELS else name) + suffix


def in_order(names):
    """Returns models in the order of the paper's legends, context last."""
    known = list(MODELS)
    return sorted(
        set(names), key=lambda n: (known.index(n) if n in known else len(known), n)
    )


def strength_name(model):
    """Returns the gin parameter of a model's strength, '' if that is not known."""
    return MODELS[model].strength if model in MODELS else ""


def model_name(config):
    """Returns what the model of a training is called in `MODELS`, else gin's name.

    Args:
        config: Dictionary of its bindings.
    """
    name, wrappers = referenced(config.get("model.model")), set()
    # A wrapper, such as tc_monitor or correlated_gaussian, is given the model.
    while f"{name}.model" in config and name not in wrappers:
        wrappers.add(name)
        name = referenced(config[f"{name}.model"])
    if name == "vae":
        return "beta_vae"
    if name == "dip_vae":
        return f"dip_vae_{config.get('dip_vae.dip_type', 'i')}"
    return name


def referenced(reference):
    """Turns '@scope/module.name()' into 'name'."""
    text = str(reference or "").lstrip("@").replace("()", "")
    return text.rpartition("/")[2].rpartition(".")[2]


def eta(model, config):
    """Returns the weight of a model's variance penalty, None if it has none.

    Args:
        model: What `model_name` gives.
        config: Dictionary of its bindings.
    """
    if model == "tc_vae":
        return config.get("tc_vae.eta")
    if model != "rtc_vae":
        return None
    bound, beta = config.get("rtc_vae.eta"), config.get("rtc_vae.beta")
    # As the model resolves it.
    return max(10.0, beta) if bound is None and beta is not None else bound
