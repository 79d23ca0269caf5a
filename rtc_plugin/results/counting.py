# SPDX-License-Identifier: Apache-2.0
"""What a model's strength and its training steps count, on scales that models share."""

import math
from typing import NamedTuple

# The parameter that sets the strength of regularisation.
STRENGTHS = {
    "beta_vae": "vae.beta",
    "factor_vae": "factor_vae.gamma",
    "dip_vae_i": "dip_vae.lambda_od",
    "dip_vae_ii": "dip_vae.lambda_od",
    "beta_tc_vae": "beta_tc_vae.beta",
    "annealed_vae": "annealed_vae.c_max",
    "rtc_vae": "rtc_vae.beta",
    "tc_vae": "tc_vae.beta",
}
# Their beta is the whole weight of the total correlation; that of FactorVAE and RTC-VAE
# comes on top of the one in the KL.
_WHOLE_WEIGHT = ("beta_tc_vae", "tc_vae")
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
    counts_both = model == "factor_vae" or (
        # A string where the column has other values, too.
        model == "rtc_vae" and str(row.get(COUNT_DISCRIMINATOR)) == "True"
    )
    return Scale(weight - (model in _WHOLE_WEIGHT), 2 if counts_both else 1)


def plain(model):
    """Returns a model's name without `CORRELATED`."""
    return model[len(CORRELATED) :] if model.startswith(CORRELATED) else model
