# SPDX-License-Identifier: Apache-2.0
import inspect

import gin
import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import metrics
from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures import codes_from_array
from rtc_plugin.total_correlation import InputError

SHARED = [
    "ground_truth_data",
    "representation_function",
    "random_state",
    "artifact_dir",
    "codes",
    "num_train",
    "batch_size",
]


@metric("made_up", min_samples=30)
def compute_made_up(codes, random_state, batch_size, power=1.0):
    """Made up."""
    if power < 0:
        raise InputError("power must be >= 0.")
    return {
        "sum": np.sum(codes.plain**power),
        "num": len(codes.plain),
        "draw": random_state.randint(10**6),
        "batch_size": batch_size,
    }


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def test_a_measure_gets_the_librarys_signature_and_keeps_its_own_parameters():
    parameters = inspect.signature(compute_made_up).parameters
    assert list(parameters) == [*SHARED, "power"]
    assert parameters["power"].default == 1.0
    assert compute_made_up.__name__ == "compute_made_up"
    assert compute_made_up.__doc__ == "Made up."


def test_gin_sets_the_measures_parameters_and_saves_them(data, encoder):
    gin.parse_config("made_up.power = 2.0\nmade_up.num_train = 40")
    results = compute_made_up(data, encoder, np.random.RandomState(0))
    assert results["num"] == 40 and results["batch_size"] == 100
    saved = gin.operative_config_str()
    for binding in ("power = 2.0", "num_train = 40", "batch_size = 100"):
        assert f"made_up.{binding}" in saved
    # They must not be in a configuration: it could not be read again.
    assert "random_state" not in saved and "codes" not in saved
    gin.clear_config()
    gin.parse_config(saved)
    assert compute_made_up(data, encoder, np.random.RandomState(0)) == results


@pytest.mark.parametrize("name", ["own", "powr", "random_state", "codes"])
def test_what_is_no_parameter_of_it_is_refused(name):
    with pytest.raises(ValueError, match=name):
        gin.parse_config(f"made_up.{name} = 1")
    with pytest.raises(ValueError, match="numdraws"):
        gin.parse_config("tc_disparity.numdraws = 1")


def test_codes_are_used_instead_of_images_and_few_are_refused_before_encoding():
    codes = codes_from_array(np.ones((50, 2)), np.zeros((50, 1)))
    results = compute_made_up(None, None, np.random.RandomState(0), codes=codes)
    assert results["sum"] == 100.0 and type(results["sum"]) is float
    with pytest.raises(UserError, match="made_up: 29 images are too few"):
        compute_made_up(None, None, None, num_train=29)


def test_what_an_estimator_refuses_is_one_line_of_the_user():
    codes = codes_from_array(np.ones((50, 2)), np.zeros((50, 1)))
    with pytest.raises(UserError, match="made_up cannot be computed: power must"):
        compute_made_up(None, None, np.random.RandomState(0), codes=codes, power=-1)


@pytest.mark.parametrize("name", metrics.__all__)
def test_saved_configurations_find_every_metric(name):
    short = name.replace("compute_", "")
    function = getattr(metrics, name)
    assert list(inspect.signature(function).parameters)[:7] == SHARED
    gin.parse_config(f"rtc_plugin.evaluation.metrics.{short}.{short}.num_train = 7")
    assert gin.query_parameter(f"{short}.num_train") == 7
