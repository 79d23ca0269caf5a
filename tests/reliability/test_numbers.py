# SPDX-License-Identifier: Apache-2.0
"""A number is right in every degenerate case, or null with a reason beside it."""

import json
import types

import numpy as np
import pytest

from rtc_plugin import total_correlation as tc
from rtc_plugin.compat import results


def test_one_sample_has_no_floor_of_total_correlation():
    for function in (tc.gaussian_bias, tc.gaussian_spread):
        with pytest.raises(tc.InputError, match="num_samples must be an integer >= 2"):
            function(1, 2)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_signal_share_is_free_of_scale(scale):
    mean = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 5.0]]) * scale
    logvar = np.full((2, 3), 2 * np.log(scale))
    assert tc.signal_share(mean, logvar) == pytest.approx([1 / 3, 0.0, 2 / 3])


@pytest.mark.parametrize(("logvar", "share"), [(-1000.0, 1.0), (1000.0, 0.0)])
def test_the_signal_share_of_extreme_noise(logvar, share):
    mean = np.array([[0.0], [1.0]])
    assert tc.signal_share(mean, np.full((2, 1), logvar)) == pytest.approx(share)


def write(values, path):
    module = types.SimpleNamespace()
    results.read_nan(module)
    with open(path, "w") as file:
        module.json.dump(values, file)
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_nan_is_written_as_null_with_its_reason(tmp_path):
    nan = float("nan")
    values = {
        "uuid": "u",
        "mig": np.float32(nan),
        "matrix": np.array([[1.0, nan]]).tolist(),
        "deep": {"a": [nan]},
        "sap": 0.5,
        "own": None,
        "not_computed": ["own"],
        "reasons": {"own": "its own reason"},
    }
    read = write(values, tmp_path / "evaluation_results.json")
    assert (read["mig"], read["matrix"], read["sap"]) == (None, [[1.0, None]], 0.5)
    assert read["deep"] == {"a": [None]}
    assert read["not_computed"] == ["own", "mig", "matrix", "deep"]
    assert set(read["reasons"]) == set(read["not_computed"])
    assert read["reasons"]["own"] == "its own reason"
    assert read["reasons"]["mig"].startswith("came out as NaN")


def test_results_without_nan_are_written_as_they_are(tmp_path):
    values = {"uuid": "u", "mig": 0.1, "n": 3, "list": [1, [2.5]]}
    assert write(values, tmp_path / "r.json") == values
    other = [1.5, "x"]
    assert write(other, tmp_path / "o.json") == other


@pytest.mark.parametrize(("logvar", "information"), [(-1000.0, np.log(50)), (1e3, 0.0)])
def test_the_mixture_of_extreme_noise(logvar, information):
    # Points tell which encoding they are of, each latent alone; or nothing does.
    z_mean = np.random.default_rng(0).normal(size=(50, 3))
    found = tc.mixture_decomposition(z_mean, np.full((50, 3), logvar), 20, 0)
    assert found.mutual_information == pytest.approx([information] * 3)
    assert found.total_correlation.value == pytest.approx(2 * information)
    assert not np.isnan(found.index_mutual_information_upper.value)
