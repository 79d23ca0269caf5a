# SPDX-License-Identifier: Apache-2.0
"""Models are made anew by number, as the study defines them, and marked as rebuilt."""

import json
import os

import pytest
import tiny_rebuild
from disentanglement_lib.config.unsupervised_study_v1 import sweep

from rtc_plugin.errors import UserError
from rtc_plugin.studies import runner, study_folder
from rtc_plugin.zoo import evaluate, rebuild, scores

FEW = (
    "unsupervised_metrics.num_train = 100",
    "rtc_metrics.num_train = 200",
    "rtc_metrics.metrics = (@tc_disparity,)",
    "tc_disparity.num_bootstrap = 2",
)


@pytest.mark.parametrize("number", [0, 1849, 12599])
def test_model_is_the_studys_to_the_letter(number):
    study, ours = sweep.UnsupervisedStudyV1(), rebuild.Rebuild()
    assert ours.get_model_config(number) == study.get_model_config(number)
    assert ours.get_eval_config_files() == study.get_eval_config_files()
    assert ours.get_postprocess_config_files() == study.get_postprocess_config_files()


def test_on_twins_only_the_data_set_changes():
    ours, config_file = rebuild.RebuildOnTwins().get_model_config(300)
    theirs, their_file = sweep.UnsupervisedStudyV1().get_model_config(300)
    assert config_file == their_file
    assert set(ours) ^ set(theirs) == {
        "dataset.name = 'dsprites_full'",
        "dataset.name = 'dsprites_rendered'",
    }


def test_list_of_models_says_what_is_trained_on():
    listed = study_folder.list_models(rebuild.RebuildOnTwins())
    assert listed[300]["dataset"] == "dsprites_rendered"
    assert study_folder.list_models(rebuild.Rebuild())[300]["dataset"] == (
        "dsprites_full"
    )


def test_data_set_without_a_twin_is_named_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match="cars3d has no rendered twin"):
        rebuild.rebuild([0, 9000], str(tmp_path / "out"), twins=True)
    assert not (tmp_path / "out").exists()


def test_light_leaves_out_the_downstream_tasks_only():
    stock = rebuild.Rebuild().get_eval_config_files()
    light = rebuild.LightRebuild().get_eval_config_files()
    left_out = {os.path.basename(path) for path in set(stock) - set(light)}
    assert left_out == {
        "downstream_task_boosted_trees.gin",
        "downstream_task_logistic_regression.gin",
    }


def test_steps_shorten_everything_that_counts_steps(tmp_path, monkeypatch):
    asked = {}

    def run(study, model_nums, root, bindings, evaluation, origin, workers):
        asked.update(study=study, bindings=bindings, evaluation=evaluation)
        assert origin == "rebuilt"
        return dict.fromkeys(model_nums, study_folder.FAILED)

    monkeypatch.setattr(runner, "run", run)
    done, _ = rebuild.rebuild([0], str(tmp_path), steps=3000, light=True)
    assert done == 0
    assert asked["bindings"] == [
        "model.eval_steps = 50",
        "model.training_steps = 3000",
        "annealed_vae.iteration_threshold = 1000",
    ]
    assert asked["evaluation"] == list(rebuild.LIGHT)
    rebuild.rebuild([0], str(tmp_path))
    assert asked["bindings"] == [] and asked["evaluation"] == []
    assert type(asked["study"]) is rebuild.Rebuild


def test_light_settings_are_all_known_to_gin():
    import gin
    from disentanglement_lib.evaluation import evaluate as library_evaluate  # noqa: F401

    try:
        gin.parse_config_files_and_bindings([], list(rebuild.LIGHT))
    finally:
        gin.clear_config()


def test_models_are_made_marked_and_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    root = str(tmp_path / "rebuilt")
    number = 12600 + 4 * 50 + 1  # RTC-VAE, beta 50, dSprites, seed 1

    def run():
        return rebuild.rebuild(
            [number],
            root,
            steps=2,
            light=True,
            bindings=FEW,
            study=tiny_rebuild.TinyRebuild(),
        )

    assert run() == (1, [])
    table, problems = scores.read([root])
    assert problems == []
    assert set(table.origin) == {"rebuilt"}
    assert set(table.model_num) == {number}
    row = table.iloc[0]
    assert (row.dataset, row.model, row.strength, row.seed, row.training_steps) == (
        "dsprites_rendered",
        "rtc_vae",
        50.0,
        1,
        2,
    )
    assert set(table.representation) == {"mean", "sampled", "mean_and_logvar", ""}
    assert {"tc_mean", "gaussian_total_correlation"} <= set(table.score)
    with open(os.path.join(root, str(number), "status.json")) as file:
        assert {"python", "rtc_plugin"} <= set(json.load(file)["versions"])
    monkeypatch.setattr(evaluate, "_run_one", None)  # would fail
    assert run() == (1, [])
