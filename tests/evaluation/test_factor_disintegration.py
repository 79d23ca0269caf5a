# SPDX-License-Identifier: Apache-2.0
import itertools
import json

import gin
import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import named_data
from disentanglement_lib.evaluation.metrics import mig, sap_score, utils

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.evaluation.metrics import compute_factor_disintegration
from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.measures.factor_disintegration import (
    factor_disintegration,
    latent_dependence,
)


def grid(*sizes, repeat=1):
    """All combinations of factors, each several times."""
    rows = np.array(list(itertools.product(*map(range, sizes))))
    return np.tile(rows, (repeat, 1))


def disintegration(z, factors, num_blocks=2):
    return factor_disintegration(z, factors, num_blocks=num_blocks)


def noisy(columns, scale=0.01, seed=0):
    columns = np.stack(columns, axis=1).astype(float)
    random = np.random.default_rng(seed)
    return columns + scale * random.standard_normal(columns.shape)


def test_one_latent_per_factor_scores_zero():
    factors = grid(8, 10, repeat=40)
    z = noisy([factors[:, 1], factors[:, 0], 0 * factors[:, 0]])
    results = disintegration(z, factors)
    assert results["disintegration"] == pytest.approx(0, abs=1e-6)
    assert results["r2_disintegration"] == pytest.approx(0, abs=1e-6)
    assert results["latent_sharing"] == pytest.approx(0, abs=1e-6)
    assert results["top2_nmi_latents"][:, 0].tolist() == [1, 0]
    assert results["mean_r2_gap"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("parts", [2, 3])
def test_a_factor_split_over_independent_latents(parts, noise):
    factors = grid(4**parts, 3, repeat=3000 // 4**parts)
    digits = [factors[:, 0] // 4**i % 4 for i in range(parts)]
    results = disintegration(noisy([*digits, factors[:, 1]], noise), factors)
    per_factor = results["disintegration_per_factor"]
    # Equal shares, and latents whose dependence is chance's: 1 - 1/parts.
    assert per_factor[0] == pytest.approx(1 - 1 / parts, abs=0.005)
    assert per_factor[1] == pytest.approx(0, abs=1e-6)
    assert results["top2_nmi_gap"][0] == pytest.approx(0, abs=0.02)
    assert abs(results["top2_nmi_correlation"][0]) < 0.05
    assert results["disintegration_per_factor_stderr"][0] < 0.01


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("levels", [2, 4])
def test_discrete_latents_of_random_images(levels, seed):
    """Halves are independent, a copy is a copy, and both are seen from a sample."""
    random = np.random.default_rng(seed)
    factors = random.integers([levels**2, 5], size=(2000, 2))
    first, second = factors[:, 0] // levels, factors[:, 0] % levels
    z = np.stack([first, second, factors[:, 1]], axis=1).astype(float)
    halves = disintegration(z, factors)["disintegration_per_factor"][0]
    assert halves == pytest.approx(0.5, abs=0.005)
    z[:, 1] = -3 * first
    for latents in (z, z[:, :2]):
        copies = disintegration(latents, factors)["disintegration_per_factor"][0]
        assert copies == pytest.approx(0, abs=0.02)


def test_a_discrete_and_a_continuous_latent():
    random = np.random.default_rng(0)
    factors = random.integers([16, 5], size=(3000, 2))
    z = np.stack([factors[:, 0] // 4, factors[:, 0] % 4], axis=1).astype(float)
    z[:, 1] += 0.2 * random.standard_normal(3000)
    halves = disintegration(z, factors)["disintegration_per_factor"][0]
    assert halves == pytest.approx(0.5, abs=0.01)
    z[:, 1] = z[:, 0] + 0.01 * random.standard_normal(3000)
    copies = disintegration(z, factors)["disintegration_per_factor"][0]
    assert copies == pytest.approx(0, abs=0.02)


def gaussian_pair(correlation, num_samples, seed):
    random = np.random.default_rng(seed)
    root = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    z = random.standard_normal((num_samples, 2)) @ root.T
    return z, np.digitize(z.sum(axis=1), [-1.5, -0.7, 0, 0.7, 1.5])[:, None]


def test_the_standard_error_is_the_spread_over_samples():
    runs = [disintegration(*gaussian_pair(0.6, 1000, seed), 10) for seed in range(10)]
    values = np.array([run["disintegration"] for run in runs])
    spread = values.std(ddof=1)
    # Two latents of equal shares: (1 - .6) / 2.
    assert values.mean() == pytest.approx(0.2, abs=4 * spread / np.sqrt(len(runs)))
    errors = [run["disintegration_stderr"] for run in runs]
    # The spread of 10 has 24 % error itself, and neighbours in a tenth are less exact.
    assert 0.5 * spread < np.mean(errors) < 2.5 * spread
    assert 0.005 < spread < 0.03


def test_images_that_are_drawn_twice_are_no_dependence():
    random = np.random.default_rng(0)
    images = random.standard_normal((1500, 2))
    z = images[random.integers(1500, size=3000)]
    information, correlation = latent_dependence(z, random)
    assert correlation[0, 1] == 0
    assert information[0, 1] < 0.05


def test_copies_of_one_latent_are_redundant_and_not_disintegrated():
    factors = grid(10, repeat=100)
    z = noisy([factors[:, 0]])
    results = disintegration(np.hstack([z, -2 * z]), factors)
    assert results["disintegration"] < 0.01
    assert results["top2_nmi_gap"][0] == pytest.approx(0, abs=1e-9)
    assert results["top2_nmi_correlation"][0] == pytest.approx(-1)
    assert results["top2_nmi_mutual_information"][0] > 3


def test_a_latent_that_serves_two_factors_is_shared():
    factors = grid(4, 4, repeat=100)
    z = noisy([4 * factors[:, 0] + factors[:, 1]])
    results = disintegration(z, factors)
    assert results["latent_sharing"] == pytest.approx(0.5, abs=0.02)
    assert results["disintegration"] == 0


def test_an_untold_factor_and_constant_latents_count_as_nothing():
    factors = grid(6, 5, repeat=60)
    z = np.random.default_rng(0).standard_normal((len(factors), 3))
    z[:, 2] = 1.0
    results = disintegration(z, factors)
    assert results["disintegration_per_factor"].tolist() == [0, 0]
    assert results["disintegration"] is results["latent_sharing"] is None
    assert "no latent tells" in results["reasons"]["disintegration"]
    assert results["nmi_matrix"][2].tolist() == [0, 0]


def latents_with(factor, r2, correlation):
    """Two latents with exactly these R2 with a factor, and this correlation."""
    factor = (factor - factor.mean()) / factor.std()
    random = np.random.default_rng(0)
    basis = np.column_stack(
        [np.ones_like(factor), factor, random.standard_normal((len(factor), 2))]
    )
    basis = np.linalg.qr(basis)[0][:, 1:] * np.sqrt(len(factor))
    basis[:, 0] = factor
    first, second = np.sqrt(r2)
    between = (correlation - first * second) / np.sqrt((1 - r2[0]) * (1 - r2[1]))
    return np.column_stack(
        [
            first * basis[:, 0] + np.sqrt(1 - r2[0]) * basis[:, 1],
            second * basis[:, 0]
            + np.sqrt(1 - r2[1])
            * (between * basis[:, 1] + np.sqrt(1 - between**2) * basis[:, 2]),
        ]
    )


def test_codes_of_hardly_more_than_one_value_count_as_nothing():
    factors = grid(8, 10, repeat=4)
    z = np.zeros((len(factors), 3))
    z[7] = 1.0
    results = disintegration(z, factors)
    assert results["disintegration"] in (None, 0)
    assert results["nmi_matrix"].max() < 0.02


@pytest.mark.parametrize(
    "r2, correlation, gap", [((0.23, 0.17), 0.017, 0.06), ((0.97, 1e-4), -0.01, 0.97)]
)
def test_the_papers_two_factors(r2, correlation, gap):
    """Figure 7: object hue is in two latents, orientation in one."""
    factors = grid(10, repeat=200)
    z = latents_with(factors[:, 0].astype(float), np.array(r2), correlation)
    results = disintegration(z, factors)
    np.testing.assert_allclose(results["r2_matrix"][:, 0], r2, atol=1e-9)
    assert round(results["top2_r2_gap"][0], 2) == gap
    assert results["top2_r2_correlation"][0] == pytest.approx(correlation, abs=1e-9)
    if gap < 0.5:
        assert results["r2_disintegration"] > 0.4
    else:
        assert results["r2_disintegration"] < 0.01


def test_categorical_scores_do_not_depend_on_the_numbering():
    factors = grid(4, 3, repeat=100)
    z = noisy([np.array([0.0, 3.0, 1.0, -2.0])[factors[:, 0]], factors[:, 1]], 0.3)
    renumbered = factors.copy()
    renumbered[:, 0] = np.array([2, 0, 3, 1])[factors[:, 0]]
    ordered, other = (scores_lib.r2_matrix(z, f) for f in (factors, renumbered))
    assert abs(ordered[0, 0] - other[0, 0]) > 0.01
    ratio = scores_lib.r2_matrix(z, factors, categorical=[0])
    np.testing.assert_allclose(ratio, scores_lib.r2_matrix(z, renumbered, [0]))
    # Between-group variance of 0, 3, 1, -2 is 3.25; within it is 0.09.
    assert ratio[0, 0] == pytest.approx(3.25 / 3.34, abs=0.01)
    # A factor of two values is the same either way.
    binary = (factors[:, :1] > 1).astype(int)
    np.testing.assert_allclose(
        scores_lib.r2_matrix(z, binary), scores_lib.r2_matrix(z, binary, [0])
    )


def test_matrices_and_gaps_are_the_librarys():
    factors = grid(5, 4, 3, repeat=30)
    random = np.random.default_rng(0)
    z = factors @ random.standard_normal((3, 4)) + random.standard_normal((1800, 4))
    gin.clear_config()
    gin.bind_parameter("discretizer.num_bins", 20)
    gin.bind_parameter("discretizer.discretizer_fn", utils._histogram_discretize)
    library = utils.discrete_mutual_info(utils.make_discretizer(z.T), factors.T)
    library_mig = mig._compute_mig(z.T, factors.T)["discrete_mig"]
    gin.clear_config()
    np.testing.assert_allclose(
        scores_lib.mutual_information_matrix(z, factors, 20), library
    )
    library_sap = sap_score.compute_score_matrix(
        z.T, factors.T, z.T, factors.T, continuous_factors=True
    )
    np.testing.assert_allclose(scores_lib.r2_matrix(z, factors), library_sap)
    results = disintegration(z, factors)
    assert results["mean_nmi_gap"] == pytest.approx(library_mig)
    sap = sap_score.compute_avg_diff_top_two(library_sap)
    assert results["mean_r2_gap"] == pytest.approx(sap)


def test_what_chance_gives_is_taken_off():
    random = np.random.default_rng(0)
    counted = []
    for _ in range(20):
        # 183 values, as Cars3D has: chance alone gives a mutual information of 0.3.
        factors = random.integers([5, 183], size=(2000, 2))
        z = random.standard_normal((2000, 3))
        z[:, 2] += factors[:, 0]
        scores = scores_lib.beyond_chance(
            scores_lib.mutual_information_matrix, z, factors, random
        )
        assert scores[2, 0] > 0.3
        counted.append(np.delete(scores.ravel(), 4) > 0)
    # Three standard deviations, estimated from 20 shuffles: about 1 in 300.
    assert np.mean(counted) < 0.05
    raw = scores_lib.mutual_information_matrix(z, factors)
    assert raw[0, 1] > 0.3


def test_factors_are_named(data, encoder):
    results = compute_factor_disintegration(
        data, encoder, np.random.RandomState(0), num_train=1000
    )
    json.dumps(results, allow_nan=False)
    assert results["factor_names"] == ["hue", "shape", "size"]
    assert results["categorical_factors"] == ["shape"]
    assert results["disintegration"] < 0.01
    assert np.array(results["r2_matrix"]).shape == (3, 3)
    assert [pair[0] for pair in results["top2_r2_latents"]][:2] == [0, 1]


def test_names_may_be_missing_or_given():
    class Unknown:
        num_factors = 2

    assert factors_lib.factor_names(Unknown()) == ["factor_0", "factor_1"]
    assert factors_lib.factor_names(Unknown(), ["a", "b"]) == ["a", "b"]
    with pytest.raises(UserError, match="1 names for 2 factors"):
        factors_lib.factor_names(Unknown(), ["a"])


@pytest.mark.parametrize("name", ["dsprites_rendered", "shapes3d_rendered"])
def test_the_shape_of_the_twins_is_categorical(name):
    data = named_data.get_named_ground_truth_data(name)
    names = factors_lib.factor_names(data)
    assert set(names) & set(factors_lib.CATEGORICAL) == {"shape"}
