# SPDX-License-Identifier: Apache-2.0
"""All metrics of models in one process: what is kept, said, and read by others."""

import json
import pathlib
import shutil

import gin
import numpy as np
import pandas as pd
import pytest
import small_grid
from disentanglement_lib.utils import aggregate_results

from rtc_plugin.commands import main
from rtc_plugin.compat import evaluation_codes
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.errors import UserError
from rtc_plugin.results import collect
from rtc_plugin.studies import evaluate, model_steps
from rtc_plugin.zoo import scores as zoo_scores

METRICS = {
    "mig": [
        "evaluation.evaluation_fn = @mig",
        "mig.num_train = 500",
        "discretizer.discretizer_fn = @histogram_discretizer",
        "discretizer.num_bins = 20",
    ],
    "own": [
        "evaluation.evaluation_fn = @mig_variants",
        "mig_variants.num_train = 500",
        "applies_to.representations = ('mean',)",
    ],
    "sap": [
        "evaluation.evaluation_fn = @sap_score",
        "sap_score.num_train = 100",
        "sap_score.num_test = 100",
        "sap_score.continuous_factors = True",
    ],
}
STEPS = [
    "postprocessed/mean",
    "postprocessed/sampled",
    "metrics/mean/mig",
    "metrics/mean/own",
    "metrics/mean/sap",
    "metrics/sampled/mig",
    "metrics/sampled/sap",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return small_grid.make_model(tmp_path_factory.mktemp("trained") / "model")


@pytest.fixture
def metrics(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    for name, lines in METRICS.items():
        text = "\n".join([*lines, "dataset.name = 'auto'"])
        (folder / f"{name}.gin").write_text(text)
    return folder


@pytest.fixture
def study(tmp_path, trained, monkeypatch):
    """A folder of two models, laid out as a study's."""
    monkeypatch.setitem(
        named_data.GROUND_TRUTH_DATA, small_grid.NAME, small_grid.SmallGrid
    )
    evaluation_codes._kept.clear()
    evaluation_codes._encoders.clear()
    for number in ("2", "10"):
        model = shutil.copytree(trained, tmp_path / "study" / number / "model")
        (model / "results" / "json").mkdir()
        config = json.dumps({"model.model_num": int(number)})
        (model / "results" / "json" / "train_config.json").write_text(config)
    yield tmp_path / "study"
    gin.clear_config()


def run(folders, metrics, output=None):
    return evaluate.evaluate(
        evaluate.find_models([str(folder) for folder in folders], output),
        evaluate.find_configs(
            "--representations", ["mean", "sampled"], "gin/postprocess"
        ),
        evaluate.find_configs("--metrics", [str(metrics)], "gin/metrics"),
    )


def done(folder):
    return [
        step
        for step in STEPS
        for kind in ["postprocess" if "postprocessed" in step else "evaluation"]
        if (folder / step / "results" / "aggregate" / f"{kind}.json").exists()
    ]


def value(folder, step, score):
    path = folder / step / "results" / "json" / "evaluation_results.json"
    return json.loads(path.read_text())[score]


def test_all_is_computed_in_the_librarys_layout_and_read_by_all(
    study, metrics, tmp_path, capsys
):
    assert run([study], metrics) == 0
    for number in ("2", "10"):
        assert done(study / number) == STEPS
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "[1/14] 2: postprocessed/mean"
    assert "[14/14] 10: metrics/sampled/sap; about 0:00:" in shown[-1]

    output = str(tmp_path / "aggregated.json")
    aggregate_results.aggregate_results_to_json(
        str(study / "*/metrics/*/*/results/aggregate/evaluation.json"), output
    )
    frame = aggregate_results.load_aggregated_json_results(output)
    assert len(frame) == 10
    own = value(study / "10", "metrics/mean/mig", "discrete_mig")
    assert np.isclose(frame["evaluation_results.discrete_mig"], own).any()

    paths = [str(tmp_path / "table.csv")]
    assert collect.collect(str(study), paths).num_models == 2
    assert np.isclose(pd.read_csv(paths[0]).value, own).any()
    table, problems = zoo_scores.read([study])
    assert problems == [] and np.isclose(table.value, own).any()

    text = evaluate.tabulate(evaluate.find_models([str(study)]))
    assert "discrete_mig" in text and f"{own:.4f}" in text


def test_seeds_are_those_of_dlib_reproduce(study, metrics):
    run([study / "2"], metrics)
    drawn = np.random.RandomState(0)
    seeds = [drawn.randint(2**32) for _ in range(8)]
    # The seventh is of the metric that `sampled` does without.
    for step, seed in zip(STEPS, [*seeds[:6], seeds[7]]):
        kind = "postprocess" if "postprocessed" in step else "evaluation"
        config = study / "2" / step / "results" / "gin" / f"{kind}.gin"
        assert f"{kind}.random_seed = {seed}" in config.read_text()


def test_each_image_is_encoded_once_for_all_of_a_model(study, metrics):
    small_grid.SmallGrid.num_encoded = 0
    run([study / "2"], metrics)
    # Beside the images: what tells the data set from others, for each evaluation.
    num_images = np.prod(small_grid.SmallGrid.factor_sizes)
    assert small_grid.SmallGrid.num_encoded < 2 * num_images


def test_an_interrupted_call_keeps_what_is_done(study, metrics, monkeypatch, capsys):
    stock, called = model_steps._evaluate, []

    def interrupted(*args):
        called.append(args)
        if len(called) == 3:
            raise KeyboardInterrupt
        stock(*args)

    monkeypatch.setattr(model_steps, "_evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([study / "2"], metrics)
    assert done(study / "2") == STEPS[:4]
    assert not list((study / "2" / "metrics" / "mean").glob("*.partial"))
    before = value(study / "2", "metrics/mean/mig", "uuid")
    capsys.readouterr()
    assert run([study / "2"], metrics) == 0
    assert done(study / "2") == STEPS
    assert value(study / "2", "metrics/mean/mig", "uuid") == before
    assert len(called) == 3 + 3
    shown = capsys.readouterr().err
    assert "4 of 7 steps are done already" in shown and "[1/3] 2: metrics" in shown


def test_a_metric_that_fails_is_said_and_keeps_no_other(study, metrics, capsys):
    with open(metrics / "mig.gin", "a") as file:
        file.write("\ndiscretizer.num_bins = 'many'")
    assert run([study / "2"], metrics) == 2
    assert done(study / "2") == [step for step in STEPS if not step.endswith("mig")]
    assert "metrics/mean/mig failed: ValueError: 'many'" in capsys.readouterr().err


def test_results_go_where_output_says(study, metrics, tmp_path):
    run([study], metrics, str(tmp_path / "out"))
    assert done(tmp_path / "out" / "10") == STEPS
    assert [path.name for path in (study / "10").iterdir()] == ["model"]


def test_models_are_found_at_each_depth(study, trained, tmp_path):
    folders = [study / number / "model" for number in ("2", "10")]
    for paths in ([study], [study / "2", folders[1]], [study, study]):
        found = evaluate.find_models(map(str, paths))
        assert [model.model_dir for model in found] == list(map(str, folders))
    shutil.copytree(trained, tmp_path / "vae")
    with pytest.raises(UserError, match="vae is no folder `model`.*--output"):
        evaluate.find_models([str(tmp_path / "vae")])
    (found,) = evaluate.find_models([str(tmp_path / "vae")], "out")
    assert found.folder == str(pathlib.Path("out", "vae"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere holds no trained model; give a folder that dlib_train"),
        (["study", "--metrics=migg"], "--metrics=migg is no gin file"),
        (["study", "--metrics=study"], "--metrics=study is no gin file, nor a folder"),
        (["study", "--representations=men"], "--representations=men is no gin file"),
        (
            ["study", "--gin_bindings=mig.num = 3"],
            "--gin_bindings: mig.num: mig has",
        ),
        (["study", "--study=no"], "--study=no is not a known study"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    arguments, message, study, monkeypatch, capsys
):
    monkeypatch.chdir(study.parent)
    assert main.main(["evaluate", *arguments]) == 1
    assert f"rtc: {message}" in capsys.readouterr().err


def test_two_files_of_one_name_or_models_of_one_place_are_refused(
    study, metrics, tmp_path
):
    shutil.copy(metrics / "mig.gin", tmp_path)
    with pytest.raises(UserError, match="have the same name"):
        evaluate.find_configs("--metrics", [str(metrics), str(tmp_path)], "gin/metrics")
    shutil.copytree(study / "2", tmp_path / "other" / "2")
    paths = [str(study), str(tmp_path / "other")]
    with pytest.raises(UserError, match="would both be in"):
        evaluate.find_models(paths, str(tmp_path / "out"))
