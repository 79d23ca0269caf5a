# SPDX-License-Identifier: Apache-2.0
"""The plugin's studies are what their docstrings say, to the library's commands too."""

import collections
import os
import subprocess
import sys

import gin
import pytest
from disentanglement_lib.config import reproduce
from disentanglement_lib.evaluation import evaluate  # noqa: F401
from disentanglement_lib.methods.unsupervised import train  # noqa: F401
from disentanglement_lib.postprocessing import postprocess  # noqa: F401

from rtc_plugin.compat import evaluation
from rtc_plugin.errors import UserError

STUDIES = ("rtc_study_v1", "rtc_study_small", "rtc_study_tiny", "rtc_study_converged")


@pytest.fixture(autouse=True)
def no_configuration_left():
    gin.clear_config()
    yield
    gin.clear_config()


def models(name):
    """Returns the bindings of each model, as a dictionary of gin source."""
    study = reproduce.STUDIES[name]
    return [
        dict(binding.split(" = ", 1) for binding in study.get_model_config(num)[0])
        for num in range(len(study))
    ]


def grid(name, model, parameter):
    return sorted(
        {float(m[parameter]) for m in models(name) if m["model.name"] == f"'{model}'"}
    )


def test_the_paper_study_has_the_paper_s_grid():
    found = models("rtc_study_v1")
    assert len(found) == 3 * 30 * 5
    assert grid("rtc_study_v1", "rtc_vae", "rtc_vae.beta") == [2, 6, 10, 20, 50]
    assert grid("rtc_study_v1", "factor_vae", "factor_vae.gamma") == [2, 6, 10, 20, 50]
    for kind in ("dip_vae_i", "dip_vae_ii"):
        assert grid("rtc_study_v1", kind, "dip_vae.lambda_od") == [2, 5, 10, 20, 50]
    assert grid("rtc_study_v1", "beta_tc_vae", "beta_tc_vae.beta") == [3, 7, 11, 21, 51]
    assert {m["dataset.name"] for m in found} == {
        "'dsprites_full'",
        "'shapes3d'",
        "'cars3d'",
    }
    # lambda_d is ten times lambda_od in DIP-VAE-I and equal to it in DIP-VAE-II.
    factors = {
        m.get("dip_vae.dip_type"): m.get("dip_vae.lambda_d_factor") for m in found
    }
    assert factors == {"'i'": "10.0", "'ii'": "1.0", None: None}


def test_the_small_study_has_36_models_on_the_twins():
    found = models("rtc_study_small")
    counts = collections.Counter((m["model.name"], m["dataset.name"]) for m in found)
    for dataset in ("'dsprites_rendered'", "'shapes3d_rendered'"):
        for model in ("rtc_vae", "factor_vae", "dip_vae_i", "dip_vae_ii"):
            assert counts[f"'{model}'", dataset] == 4
        for model in ("beta_vae", "beta_tc_vae"):
            assert counts[f"'{model}'", dataset] == 1
    assert len(found) == 36
    seeded = [m for m in found if m["model.random_seed"] == "1"]
    assert {m.get("rtc_vae.beta", "10.0") for m in seeded} == {"10.0"}


def test_the_converged_study_has_three_seeds_of_each_kind():
    found = models("rtc_study_converged")
    assert len(found) == 30 and {m["dataset.name"] for m in found} == {
        "'dsprites_rendered'"
    }
    strengths = ("rtc_vae.beta", "factor_vae.gamma", "dip_vae.lambda_od")
    strengths += ("beta_tc_vae.beta",)
    kinds = collections.defaultdict(list)
    for m in found:
        (strength,) = [float(m[name]) for name in strengths if name in m]
        kind = m["model.name"], strength, m.get("rtc_vae.eta")
        kinds[(*kind, m.get("encoder.num_latent"))].append(m["model.random_seed"])
    assert all(seeds == ["0", "1", "2"] for seeds in kinds.values())
    assert list(kinds) == [
        ("'factor_vae'", 10, None, None),
        ("'rtc_vae'", 10, None, None),
        ("'dip_vae_i'", 10, None, None),
        ("'factor_vae'", 50, None, None),
        ("'rtc_vae'", 50, None, None),
        ("'beta_tc_vae'", 11, None, None),
        ("'rtc_vae'", 10, "2.0", None),
        ("'rtc_vae'", 10, "50.0", None),
        ("'factor_vae'", 10, None, "6"),
        ("'rtc_vae'", 10, None, "20"),
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_factor_vae_makes_as_many_updates_as_the_others(name):
    study = reproduce.STUDIES[name]
    updates, points = set(), set()
    for num in range(len(study)):
        bindings, config_file = study.get_model_config(num)
        gin.clear_config()
        gin.parse_config_files_and_bindings([config_file], bindings)
        steps = gin.query_parameter("model.training_steps")
        # The library's FactorVAE counts two steps per update.
        is_factor_vae = gin.query_parameter("model.name") == "factor_vae"
        updates.add(steps // 2 if is_factor_vae else steps)
        points.add(steps // gin.query_parameter("tc_monitor.every"))
    assert len(updates) == 1 and len(points) == 1


@pytest.mark.parametrize("name", STUDIES)
def test_every_gin_file_is_complete(name):
    study = reproduce.STUDIES[name]
    for num in (0, len(study) - 1):
        bindings, config_file = study.get_model_config(num)
        gin.clear_config()
        gin.parse_config_files_and_bindings([config_file], bindings)
        assert gin.query_parameter("model.model").selector == "tc_monitor"
    for files, parameter in (
        (study.get_postprocess_config_files(), "postprocess.postprocess_fn"),
        (study.get_eval_config_files(), "evaluation.evaluation_fn"),
    ):
        assert len(files) >= 3
        for file in files:
            gin.clear_config()
            gin.parse_config_files_and_bindings([file], [])
            gin.query_parameter(parameter)
            assert gin.query_parameter("dataset.name") == "auto"


@pytest.mark.parametrize("name", STUDIES)
def test_metrics_say_which_representations_they_are_for(name):
    for file in reproduce.STUDIES[name].get_eval_config_files():
        read = evaluation.read_applies_to(file)
        gin.clear_config()
        gin.parse_config_file(file)
        assert gin.query_parameter("applies_to.representations") == read
        kind = os.path.basename(file)
        expected = ("mean", "sampled")
        if kind == "rtc_metrics.gin":
            expected = ("mean_and_logvar",)
        elif kind.startswith("downstream"):
            expected = ("mean",)
        assert read == expected


def test_a_metric_file_of_the_library_is_for_all_representations():
    for file in reproduce.STUDIES["unsupervised_study_v1"].get_eval_config_files():
        assert evaluation.read_applies_to(file) is None


@pytest.mark.parametrize("num", [-1, 36])
def test_a_number_out_of_range_is_named(num):
    with pytest.raises(UserError, match=f"--model_num={num}: rtc_study_small.*0 to 35"):
        reproduce.STUDIES["rtc_study_small"].get_model_config(num)


def test_the_librarys_own_command_knows_the_studies():
    command = os.path.join(os.path.dirname(sys.executable), "dlib_reproduce")
    shown = subprocess.run(
        [
            sys.executable,
            command,
            "--study=rtc_study_v1",
            "--model_num=449",
            "--only_print",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "dataset.name = 'cars3d'" in shown
    assert "beta_tc_vae.beta = 51.0" in shown
    assert "metric_configs/rtc_metrics.gin" in shown
