# SPDX-License-Identifier: Apache-2.0
"""What `models.scale` says of each model, against what its training counts."""

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from rtc_plugin.results import models as models_lib
from rtc_plugin.results import table as results_table

# Their other bindings are those of `tiny_models`.
MODELS = {
    "beta_vae": "@vae()\nvae.beta = 6.",
    "annealed_vae": "@annealed_vae()\nannealed_vae.c_max = 6.\nannealed_vae.gamma = 1."
    "\nannealed_vae.iteration_threshold = 10",
    "factor_vae": "@factor_vae()\nfactor_vae.gamma = 6.",
    "dip_vae_i": "@dip_vae()\ndip_vae.lambda_od = 6.\ndip_vae.dip_type = 'i'"
    "\ndip_vae.lambda_d_factor = 1.",
    "dip_vae_ii": "@dip_vae()\ndip_vae.lambda_od = 6.\ndip_vae.dip_type = 'ii'"
    "\ndip_vae.lambda_d_factor = 1.",
    "beta_tc_vae": "@beta_tc_vae()\nbeta_tc_vae.beta = 7.",
    "rtc_vae": "@rtc_vae()\nrtc_vae.beta = 6.",
    "rtc_vae, both counted": "@rtc_vae()\nrtc_vae.beta = 6."
    "\nrtc_vae.count_discriminator_step = True\nrtc_vae.discriminator_steps = 3",
    "tc_vae": "@tc_vae()\ntc_vae.beta = 7.",
    "tc_vae, density ratio": "@tc_vae()\ntc_vae.beta = 7."
    "\ntc_vae.estimator = 'density_ratio'",
    "factor_vae, more steps": "@discriminator_steps()"
    "\ndiscriminator_steps.model = @factor_vae()\nfactor_vae.gamma = 6."
    "\ndiscriminator_steps.steps = 3",
    "correlated/factor_vae": "@correlated_gaussian()"
    "\ncorrelated_gaussian.model = @factor_vae()\nfactor_vae.gamma = 6."
    "\ncorrelated_gaussian.rho = 0.5",
}


@gin.configurable("counted_model")
def counted_model(model=gin.REQUIRED):
    return model


def settings(text):
    """Returns what a results table holds of a training with these bindings."""
    lines = [line.split(" = ", 1) for line in text.splitlines()[1:]]
    record = {f"train_config.{name}": value for name, value in lines}
    record["train_config.model.model"] = text.splitlines()[0]
    record["train_results.loss"] = 1.0
    return results_table.training_rows(record)[0]


@pytest.mark.parametrize("case", MODELS)
def test_steps_are_counted_as_training_counts_them(case, tiny_model_bindings):
    reference, _, bindings = MODELS[case].partition("\n")
    gin.parse_config(f"{bindings}\ncounted_model.model = {reference}")
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.create_global_step()
        images = np.float32(np.random.RandomState(0).uniform(size=(8, 64, 64, 1)))
        spec = counted_model().model_fn(
            features=tf.constant(images),
            labels=None,
            mode=tf.estimator.ModeKeys.TRAIN,
            params={"dataset_size": 100},
        )
        session.run(tf.global_variables_initializer())
        encoder = next(v for v in tf.trainable_variables() if "encoder" in v.name)
        updates, before = 0, session.run(encoder)
        for _ in range(3):
            session.run(spec.train_op)
            after = session.run(encoder)
            updates += not np.array_equal(before, after)
            before = after
        counted = session.run(step)
    row = settings(MODELS[case])
    assert updates == 3
    assert counted == updates * models_lib.scale(row).steps_per_update


@pytest.mark.parametrize("case", MODELS)
def test_strengths_are_on_the_scale_of_the_papers_beta(case):
    row = settings(MODELS[case])
    assert row["model"] == models_lib.plain(case.partition(",")[0])
    assert models_lib.scale(row).weight == 6.0


def test_every_model_that_has_a_strength_is_tested():
    assert {name.partition(",")[0] for name in MODELS} - {"correlated/factor_vae"} == (
        set(models_lib.MODELS)
    )


def test_a_model_of_someone_else_counts_as_it_comes():
    assert np.isnan(models_lib.scale({"model": "mine", "strength": None}).weight)
    assert models_lib.scale({"model": "mine", "strength": 3.0}) == (3.0, 1)
