# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib

import numpy as np
import pytest

from rtc_plugin import total_correlation as tc
from rtc_plugin.estimators import theorem1

EXACT = json.loads(
    (pathlib.Path(__file__).parents[1] / "data/total_correlation.json").read_text()
)["exact"]


@pytest.mark.parametrize(
    "reference",
    [c for c in EXACT["theorem1_heteroscedastic_singular_mu"] if c["R"] == 1.0],
    ids=str,
)
def test_heteroscedastic_total_correlation(reference):
    case = theorem1.case("heteroscedastic", 2, reference["s"], reference["l"])
    assert case.tc_sample == pytest.approx(reference["TC_z_numeric"], abs=1e-6)
    assert case.gaussian_tc_sample == pytest.approx(
        reference["gaussian_TC_z"], abs=1e-6
    )
    assert case.tc_mean == math.inf and case.det == 0.0


def test_constant_noise_has_a_closed_form():
    value = theorem1.heteroscedastic_total_correlation(1.0, 0.0)
    assert value == pytest.approx(EXACT["hetero_sanity_closed_form"], abs=1e-8)


def test_draws_follow_the_law_whose_value_is_given():
    case = theorem1.case("heteroscedastic", 2, 0.3, 2.0)
    z, z_mean, z_logvar = case.draw(np.random.default_rng(0), 20000)
    assert tc.knn(z[:5000]) == pytest.approx(case.tc_sample, abs=0.03)
    np.testing.assert_allclose(z_mean[:, 1], 0.1 * z_mean[:, 0])
    score = (z - z_mean) * np.exp(-0.5 * z_logvar)
    assert score.std() == pytest.approx(1.0, abs=5 / math.sqrt(2 * 40000))


def test_figure_1_and_the_families():
    figure1 = theorem1.case("figure1", 2, 0.1, 0.0)
    expected = EXACT["fig1"]["0.01_is_variance"]["TC_z_exact"]
    assert (figure1.tc_mean, figure1.tc_sample) == (math.inf, pytest.approx(expected))
    for reference in EXACT["family_2d"]:
        sigma = math.sqrt(reference["noise_var"])
        case = theorem1.case("family", 2, sigma, reference["rho_mu"])
        assert case.tc_sample == pytest.approx(reference["TC_z"], abs=1e-9)
    ten = theorem1.case("rank_one", 10, 0.1, 0.0)
    assert ten.tc_sample == pytest.approx(19.6212, abs=1e-4)
    with pytest.raises(ValueError, match="structure must be one of figure1"):
        theorem1.case("figure2", 2, 0.1, 0.0)
