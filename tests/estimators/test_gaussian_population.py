# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib

import numpy as np
import pytest

from rtc_plugin.estimators import gaussian_population

CELLS = json.loads(
    (pathlib.Path(__file__).parents[1] / "data/total_correlation.json").read_text()
)["mc_sigma0.1"]


@pytest.mark.parametrize("cell", CELLS[::2], ids=lambda c: f"D{c['D']}-TC{c['target']}")
def test_reference_cells_are_met(cell):
    on = "tc_sample" if cell["target_on"] == "z" else "tc_mean"
    population = gaussian_population.at_target(
        "equicorrelation", cell["D"], cell["target"], on, 0.1
    )
    assert population.cov_mean[0, 1] == pytest.approx(cell["rho"], abs=1e-9)
    assert population.det == pytest.approx(cell["det_R_mu"], rel=1e-6)
    assert population.tc_sample == pytest.approx(cell["TC_z"], abs=1e-9)


@pytest.mark.parametrize("structure", gaussian_population.STRUCTURES)
@pytest.mark.parametrize("dim", [2, 3, 10])
@pytest.mark.parametrize(
    "target_on, target",
    [("det", 0.0), ("det", 0.3), ("det", 1.0), ("tc_mean", 3.0), ("tc_sample", 1.0)],
)
def test_targets_are_met_by_correlation_matrices(structure, dim, target_on, target):
    population = gaussian_population.at_target(structure, dim, target, target_on, 0.1)
    assert getattr(population, target_on) == pytest.approx(target, abs=1e-9)
    np.testing.assert_allclose(np.diag(population.cov_mean), 1.0, rtol=1e-12)
    assert np.linalg.eigvalsh(population.cov_mean)[0] > -1e-12


def test_structures_are_what_their_names_say():
    blocks = gaussian_population.at_strength("blocks", 5, 0.5, 0.1).cov_mean
    expected = np.eye(5)
    expected[[0, 1, 2, 3], [1, 0, 3, 2]] = 0.5
    np.testing.assert_array_equal(blocks, expected)
    one, other = (
        gaussian_population.at_strength("random", 4, 1.0, 0.1, seed).cov_mean
        for seed in (0, 1)
    )
    assert np.linalg.matrix_rank(one) == 2 and not np.allclose(one, other)


def test_draws_have_the_covariance_that_is_promised():
    population = gaussian_population.at_target("random", 4, 1.0, "tc_sample", 0.5)
    random = np.random.default_rng(0)
    z, z_mean, z_logvar = population.draw(random, 100_000)
    error = 5 * math.sqrt(2 / 100_000)
    np.testing.assert_allclose(np.cov(z.T), population.cov_sample, atol=2 * error)
    np.testing.assert_allclose(np.cov(z_mean.T), population.cov_mean, atol=error)
    np.testing.assert_allclose(z_logvar, 2 * math.log(0.5))
    independent = np.cov(population.draw_independent(random, 100_000).T)
    expected = np.diag(np.diag(population.cov_sample))
    np.testing.assert_allclose(independent, expected, atol=2 * error)


def test_shut_latents_are_standard_normal_noise():
    population = gaussian_population.at_strength("equicorrelation", 4, 0.9, 0.1).shut(2)
    assert (
        population.tc_sample
        == gaussian_population.at_strength("equicorrelation", 2, 0.9, 0.1).tc_sample
    )
    _, z_mean, z_logvar = population.draw(np.random.default_rng(0), 10)
    np.testing.assert_array_equal(z_mean[:, 2:], 0.0)
    np.testing.assert_array_equal(z_logvar[:, 2:], 0.0)


def test_unreachable_and_wrong_targets():
    at_target = gaussian_population.at_target
    with pytest.raises(gaussian_population.UnreachableTarget, match="most is 1.96347"):
        at_target("equicorrelation", 2, 4.0, "tc_sample", 0.1)
    with pytest.raises(gaussian_population.UnreachableTarget, match="1 latents"):
        at_target("equicorrelation", 1, 1.0, "tc_mean", 0.1)
    with pytest.raises(ValueError, match="structure must be one of"):
        at_target("tree", 2, 0.5, "det", 0.1)
    with pytest.raises(ValueError, match="target_on must be one of"):
        at_target("blocks", 2, 0.5, "mean", 0.1)
    with pytest.raises(ValueError, match="target 2 is out of the range of det"):
        at_target("blocks", 2, 2, "det", 0.1)
