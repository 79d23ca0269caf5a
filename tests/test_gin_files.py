# SPDX-License-Identifier: Apache-2.0
"""Every file in gin/ can be given to the command that it is for."""

import itertools
from pathlib import Path

import gin
import pytest
from disentanglement_lib.evaluation import evaluate  # noqa: F401
from disentanglement_lib.methods.unsupervised import train, vae  # noqa: F401
from disentanglement_lib.postprocessing import postprocess  # noqa: F401

GIN = Path(__file__).parents[1] / "gin"
MODELS = {
    "rtcvae": "rtc_vae",
    "factorvae": "factor_vae",
    "betavae": "vae",
    "betatcvae": "beta_tc_vae",
    "tcvae": "tc_vae",
    "dipvae1": "dip_vae",
    "dipvae2": "dip_vae",
    "annealedvae": "annealed_vae",
}
DATA = {
    "shapes3d": "shapes3d",
    "dsprites": "dsprites_full",
    "cars3d": "cars3d",
    "shapes3d_rendered": "shapes3d_rendered",
    "dsprites_rendered": "dsprites_rendered",
}
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


def check_the_papers_settings(model, dataset):
    assert gin.query_parameter("model.batch_size") == 500
    assert gin.query_parameter("encoder.num_latent") == 10
    assert gin.query_parameter("dataset.name") == DATA[dataset]
    found = gin.query_parameter("model.model")
    assert found.selector == MODELS[model]
    assert isinstance(found.scoped_configurable_fn(), vae.BaseVAE)


def stems(folder):
    return {path.stem for path in (GIN / folder).glob("*.gin")}


def test_there_is_a_file_for_every_model_and_one_for_every_data_set():
    assert stems("models") == set(MODELS)
    assert stems("data") == set(DATA)
    assert stems(".") == {"quickstart", *(f"rtcvae_{dataset}" for dataset in DATA)}


@pytest.mark.parametrize(("model", "dataset"), itertools.product(MODELS, DATA))
def test_any_model_goes_with_any_data_set(model, dataset):
    for files in (f"models/{model}", f"data/{dataset}"):
        gin.parse_config_file(str(GIN / f"{files}.gin"))
    check_the_papers_settings(model, dataset)


@pytest.mark.parametrize("dataset", DATA)
def test_a_pair_is_its_model_and_its_data_set(dataset):
    gin.parse_config_file(str(GIN / f"rtcvae_{dataset}.gin"))
    check_the_papers_settings("rtcvae", dataset)


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
