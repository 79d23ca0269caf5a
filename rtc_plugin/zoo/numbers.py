# SPDX-License-Identifier: Apache-2.0
"""Which model has which number, by the library's own sweep.

model_num = 1800 * data set + 300 * method + 50 * strength + seed, in the order of
`disentanglement_lib/config/unsupervised_study_v1/sweep.py`, which ends at 12,599. What
follows are this plugin's own numbers, for RTC-VAE in the study's setting:
12600 + 250 * data set + 50 * strength + seed.
"""

import functools
import itertools
from typing import NamedTuple

from disentanglement_lib.config.unsupervised_study_v1 import sweep

from rtc_plugin.errors import UserError
from rtc_plugin.results import models as models_lib
from rtc_plugin.studies.selection import parse_numbers

STUDY = "unsupervised_study_v1"
# The models on Shapes3D, from here on, are in the sweep and were never published.
NUM_PUBLISHED = 10800
NUM_STUDY = 12600
# Beyond the study: RTC-VAE on its data sets, at the strengths of its own paper.
RTC_BETAS = (2.0, 6.0, 10.0, 20.0, 50.0)


class ZooModel(NamedTuple):
    """One model of the study.

    Attributes:
        model_num: Its number.
        dataset: The library's name of the data set.
        model: The study's name of the method, such as `dip_vae_i`.
        strength_name: The gin parameter that is the method's strength.
        strength: Its value.
        seed: `model.random_seed`.
    """

    model_num: int
    dataset: str
    model: str
    strength_name: str
    strength: float
    seed: int

    @property
    def remark(self):
        """What is to be known of where the model can be had, '' for the zoo's own."""
        if self.model_num < NUM_PUBLISHED:
            return ""
        return "never published" if self.model_num < NUM_STUDY else "beside the study"


@functools.lru_cache(maxsize=1)
def configs():
    """Returns the bindings of all models, a tuple of dictionaries by number."""
    study = sweep.get_config()
    datasets = [binding["dataset.name"] for binding in sweep.get_datasets()]
    seeds = [binding["model.random_seed"] for binding in sweep.get_seeds(50)]
    fixed = {
        name: value
        for name, value in study[0].items()
        if name in ("encoder.encoder_fn", "decoder.decoder_fn")
    }
    rtc = [
        {
            "dataset.name": dataset,
            **fixed,
            "model.name": "rtc_vae",
            "rtc_vae.beta": beta,
            "model.model": "@rtc_vae()",
            "discriminator.discriminator_fn": "@fc_discriminator",
            "model.random_seed": seed,
        }
        for dataset, beta, seed in itertools.product(datasets, RTC_BETAS, seeds)
    ]
    return (*study, *rtc)


@functools.lru_cache(maxsize=1)
def models():
    """Returns all `ZooModel`s, in the order of their numbers."""
    return tuple(
        ZooModel(
            number,
            config["dataset.name"],
            config["model.name"],
            models_lib.strength_name(config["model.name"]),
            float(config[models_lib.strength_name(config["model.name"])]),
            config["model.random_seed"],
        )
        for number, config in enumerate(configs())
    )


def select(texts=(), datasets=(), names=(), strengths=(), seeds=()):
    """Chooses models by number and by what they are; no choice means all.

    Without numbers and without rtc_vae among the names, only the study's own models
    are chosen from.

    Args:
        texts: Numbers and ranges, see `selection.parse_numbers`.
        datasets: Names of data sets.
        names: Names of methods.
        strengths: Numbers.
        seeds: Integers.

    Returns:
        List of `ZooModel`.

    Raises:
        UserError: No such number, no such value in the sweep, or nothing is left.
    """
    for flag, wanted, field in (
        ("dataset", datasets, "dataset"),
        ("model", names, "model"),
        ("strength", strengths, "strength"),
        ("seed", seeds, "seed"),
    ):
        # In the sweep's order.
        known = list(dict.fromkeys(getattr(model, field) for model in models()))
        unknown = [value for value in wanted if value not in known]
        if unknown:
            listed = ", ".join(
                f"{v:g}" if field == "strength" else str(v) for v in known
            )
            raise UserError(
                f"--{flag}={unknown[0]} is not in the study; it has {listed}."
            )
    # Beside the study is only what is asked for by name or number.
    last = len(models()) if "rtc_vae" in names else NUM_STUDY
    numbers = range(last)
    if texts:
        numbers = sorted(parse_numbers(",".join(texts), len(models()), "numbers "))
    chosen = [
        model
        for model in (models()[number] for number in numbers)
        if (not datasets or model.dataset in datasets)
        and (not names or model.model in names)
        and (not strengths or model.strength in strengths)
        and (not seeds or model.seed in seeds)
    ]
    if not chosen:
        raise UserError(
            "no model of the study has these numbers, data sets, methods, strengths "
            "and seeds together; see rtc zoo list."
        )
    return chosen


def tabulate(chosen):
    """Returns lines that list models, one header and one line each."""
    yield f"{'number':>6}  {'dataset':<15} {'model':<13} {'strength':<24} seed"
    for model in chosen:
        strength = f"{model.strength_name}={model.strength:g}"
        line = (
            f"{model.model_num:>6}  {model.dataset:<15} {model.model:<13} "
            f"{strength:<24} {model.seed:>4}  {model.remark}"
        )
        yield line.rstrip()
