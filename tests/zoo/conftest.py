# SPDX-License-Identifier: Apache-2.0
"""A miniature zoo: a model made by the library's own steps, zipped as published."""

import json
import pathlib
import shutil

import pytest

STEPS = 2
# As the study has it, on few images.
METRIC, METRIC_BINDINGS = (
    "unsupervised",
    [
        "evaluation.evaluation_fn = @unsupervised_metrics",
        "unsupervised_metrics.num_train = 200",
        "discretizer.discretizer_fn = @histogram_discretizer",
        "discretizer.num_bins = 20",
    ],
)


def reproduce(root, number):
    """Trains and evaluates a model on the twin of its data set, as the command does."""
    from disentanglement_lib.config.unsupervised_study_v1 import sweep
    from disentanglement_lib.evaluation import evaluate
    from disentanglement_lib.methods.unsupervised import train
    from disentanglement_lib.postprocessing import postprocess

    bindings, config_file = sweep.UnsupervisedStudyV1().get_model_config(number)
    model_dir = str(root / str(number) / "model")
    train.train_with_gin(
        model_dir,
        False,
        [config_file],
        [
            "model.name = 'shared'",
            f"model.model_num = {number}",
            *bindings,
            "dataset.name = 'dsprites_rendered'",
            f"model.training_steps = {STEPS}",
            "model.batch_size = 4",
            "model.eval_steps = 2",
        ],
    )
    for name in ("mean", "sampled"):
        folder = str(root / str(number) / "postprocessed" / name)
        postprocess.postprocess_with_gin(
            model_dir,
            folder,
            gin_bindings=[
                f"postprocess.postprocess_fn = @{name}_representation",
                f"postprocess.name = '{name}'",
                "postprocess.random_seed = 0",
                "dataset.name = 'auto'",
            ],
        )
        evaluate.evaluate_with_gin(
            folder,
            str(root / str(number) / "metrics" / name / METRIC),
            gin_bindings=[
                f"evaluation.name = '{METRIC}'",
                "evaluation.random_seed = 0",
                "dataset.name = 'auto'",
                *METRIC_BINDINGS,
            ],
        )


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folder with model 300, a FactorVAE."""
    root = tmp_path_factory.mktemp("models")
    reproduce(root, 300)
    return root


@pytest.fixture(scope="session")
def zips(models, tmp_path_factory):
    """Folder with N.zip of the model, with a folder N inside."""
    folder = tmp_path_factory.mktemp("zips")
    for path in models.iterdir():
        shutil.make_archive(str(folder / path.name), "zip", models, path.name)
    return folder


@pytest.fixture(scope="session")
def home_ground(tmp_path_factory):
    """Folder of a model whose module the library saved by TensorFlow 1.15."""
    data = pathlib.Path(__file__).parents[1] / "data" / "home_ground_module"
    root = tmp_path_factory.mktemp("home_ground") / "7"
    shutil.copytree(data, root / "model" / "tfhub")
    config = {"dataset.name": "'dsprites_rendered'", "model.name": "'beta_vae'"}
    results = root / "model" / "results"
    for name, text in {
        "gin/train.gin": "".join(f"{key} = {value}\n" for key, value in config.items()),
        "json/train_config.json": json.dumps(config),
        "json/train_results.json": json.dumps({"loss": 1.0}),
    }.items():
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
