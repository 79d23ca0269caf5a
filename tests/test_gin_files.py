# SPDX-License-Identifier: Apache-2.0
"""Every file in gin/ can be given to the command that it is for."""

from pathlib import Path

import gin
import pytest
from disentanglement_lib.evaluation import evaluate  # noqa: F401
from disentanglement_lib.methods.unsupervised import train, vae  # noqa: F401
from disentanglement_lib.postprocessing import postprocess  # noqa: F401

GIN = Path(__file__).parents[1] / "gin"
MODELS = sorted(GIN.glob("*vae*_*.gin"))
METRICS = sorted((GIN / "metrics").glob("*.gin"))
POSTPROCESS = sorted((GIN / "postprocess").glob("*.gin"))
STUDIES = sorted((GIN / "studies").glob("**/*.gin"))


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def name(path):
    return path.stem


@pytest.mark.parametrize("path", MODELS, ids=name)
def test_a_model_file_holds_the_papers_settings(path):
    gin.parse_config_file(str(path))
    assert gin.query_parameter("model.batch_size") == 500
    assert gin.query_parameter("encoder.num_latent") == 10
    model = gin.query_parameter("model.model").scoped_configurable_fn()
    assert isinstance(model, vae.BaseVAE)


def test_there_is_a_file_for_every_model_and_data_set():
    models = {
        "rtcvae",
        "factorvae",
        "betavae",
        "betatcvae",
        "tcvae",
        "dipvae1",
        "dipvae2",
        "annealedvae",
    }
    datasets = {
        "shapes3d",
        "dsprites",
        "cars3d",
        "shapes3d_rendered",
        "dsprites_rendered",
    }
    assert {tuple(path.stem.split("_", 1)) for path in MODELS} == {
        (model, dataset) for model in models for dataset in datasets
    }


def test_quickstart_runs_on_the_twin():
    gin.parse_config_file(str(GIN / "quickstart.gin"))
    assert gin.query_parameter("dataset.name") == "shapes3d_rendered"


@pytest.mark.parametrize("path", METRICS, ids=name)
def test_a_metric_file_names_its_metric_and_takes_the_models_data(path):
    gin.parse_config_file(str(path))
    metric = gin.query_parameter("evaluation.evaluation_fn")
    assert callable(metric.scoped_configurable_fn)
    assert gin.query_parameter("dataset.name") == "auto"


@pytest.mark.parametrize("path", POSTPROCESS, ids=name)
def test_a_postprocessing_file_names_its_method(path):
    gin.parse_config_file(str(path))
    assert gin.query_parameter("postprocess.postprocess_fn") is not None
    assert gin.query_parameter("dataset.name") == "auto"


@pytest.mark.parametrize("path", STUDIES, ids=name)
def test_a_study_file_trains_its_model_on_a_twin(path):
    gin.parse_config_file(str(path))
    assert gin.query_parameter("dataset.name") == "dsprites_rendered"
    model = gin.query_parameter("model.model").scoped_configurable_fn()
    assert isinstance(model, vae.BaseVAE)


def test_the_headline_has_the_settings_of_its_study():
    shared = "rtc_plugin/config/rtc_study_small/model_configs/shared.gin"
    gin.parse_config_file(str(GIN.parent / shared))
    expected = gin.query_parameter("model.batch_size")
    gin.clear_config()
    gin.parse_config_file(str(GIN / "studies" / "headline" / "base.gin"))
    assert gin.query_parameter("model.batch_size") == expected
