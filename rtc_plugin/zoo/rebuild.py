# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates models of the zoo anew, by number, as the study defines them."""

import os

from rtc_plugin.studies import runner, study_folder
from rtc_plugin.zoo import evaluate
from rtc_plugin.zoo.study import LightRebuild, Rebuild
from rtc_plugin.zoo.twin_study import LightRebuildOnTwins, RebuildOnTwins

ORIGIN = "rebuilt"
# The study's capacity grows over the first third of its steps.
_STEPS_PER_ANNEALING = 3

# The loss at the end of training, from fewer batches than 1000.
LIGHT_TRAINING = ("model.eval_steps = 50",)
# The study's metrics on fewer images: two minutes per model instead of an hour. These
# numbers make rows `setting/...` in the table, so that the scores cannot be mistaken
# for the study's.
LIGHT = (
    "beta_vae_sklearn.num_train = 150",
    "beta_vae_sklearn.num_eval = 100",
    "factor_vae_score.num_variance_estimate = 2000",
    "factor_vae_score.num_train = 300",
    "factor_vae_score.num_eval = 200",
    "dci.num_train = 500",
    "dci.num_test = 500",
    "mig.num_train = 5000",
    "modularity_explicitness.num_train = 2000",
    "modularity_explicitness.num_test = 1000",
    "sap_score.num_train = 2000",
    "sap_score.num_test = 1000",
    "unsupervised_metrics.num_train = 5000",
    "rtc_metrics.num_train = 2000",
    "tc_nongaussian.num_permutations = 0",
    "tc_nongaussian.use_discriminator = False",
)
_STUDIES = {
    (False, False): Rebuild,
    (True, False): RebuildOnTwins,
    (False, True): LightRebuild,
    (True, True): LightRebuildOnTwins,
}


def rebuild(
    model_nums,
    root,
    steps=None,
    twins=False,
    light=False,
    bindings=(),
    workers=1,
    study=None,
):
    """Trains models, computes the study's metrics, then this plugin's.

    What is done is skipped; an interrupted training goes on from its checkpoint. The
    folder is a study's: once this has been called on it,
    `python -m rtc_plugin.studies.worker ROOT NUMBER` does the training and the study's
    metrics of a model on any machine that sees the folder, and the same call of this
    function then adds the plugin's.

    Args:
        model_nums: Numbers of the models.
        root: Folder for `<model_num>/...`.
        steps: `model.training_steps` instead of the study's 300,000, of which FactorVAE
            makes half as many updates, here as there. AnnealedVAE's schedule is
            shortened in proportion.
        twins: Whether to train on the rendered twins.
        light: Whether to leave out the downstream tasks and to compute the other
            metrics as in `LIGHT`, and the final loss as in `LIGHT_TRAINING`.
        bindings: Further gin bindings of the metrics.
        workers: Models at a time.
        study: `Study` to use instead of the one that twins and light choose.

    Returns:
        Number of models that are done, list of `scores.Problem` of this plugin's
        metrics.

    Raises:
        UserError: As `runner.run`; also a data set without a twin.
    """
    study = study or _STUDIES[bool(twins), bool(light)]()
    for number in model_nums:
        study.get_model_config(number)
    training = [*(LIGHT_TRAINING if light else ())]
    if steps is not None:
        annealing = max(1, steps // _STEPS_PER_ANNEALING)
        training += [
            f"model.training_steps = {steps}",
            f"annealed_vae.iteration_threshold = {annealing}",
        ]
    evaluation = [*(LIGHT if light else ()), *bindings]
    states = runner.run(
        study, model_nums, root, training, evaluation, ORIGIN, workers=workers
    )
    done = [number for number in states if states[number] == study_folder.DONE]
    jobs = [
        evaluate.Job(os.path.join(root, str(number)), "", str(number))
        for number in done
    ]
    # After the study's own steps and not among them: their random seeds are drawn in
    # order, and one metric more would change those of all that follow.
    _, problems = evaluate.run(jobs, root, "auto", evaluation, workers)
    return len(done) - len(problems), problems
