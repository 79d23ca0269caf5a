# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from scipy import spatial, special

from rtc_plugin import total_correlation as tc
from rtc_plugin.total_correlation import neighbours


def correlated(seed, num_samples, num_latent, rho):
    cov = (1 - rho) * np.eye(num_latent) + rho
    random = np.random.default_rng(seed)
    samples = random.multivariate_normal(np.zeros(num_latent), cov, size=num_samples)
    return samples, tc.gaussian_from_covariance(cov)


def ring(seed, num_samples):
    """A ring of radius 1 and noise 0.1: no correlation, TC = 0.6789."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * math.pi, num_samples)
    noise = 0.1 * random.standard_normal((num_samples, 2))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise


def test_agrees_with_the_definition_point_by_point():
    samples = np.random.default_rng(0).standard_normal((60, 3))
    samples = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    distances = spatial.distance.cdist(samples, samples, "chebyshev")
    reach = np.sort(distances, axis=1)[:, 3]  # Column 0 is the point itself.
    value = special.digamma(3) + 2 * special.digamma(60)
    for k in range(3):
        near = np.abs(samples[:, None, k] - samples[None, :, k]) < reach[:, None]
        value -= np.mean(special.digamma(near.sum(axis=1)))
    found = tc.knn(samples, 3, marginals="standardise")
    assert found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("num_latent, rho, relative", [(2, 0.9, 0.02), (5, 0.6, 0.06)])
def test_gaussian_data(num_latent, rho, relative):
    values = [tc.knn(correlated(s, 3000, num_latent, rho)[0]) for s in range(4)]
    truth = correlated(0, 10, num_latent, rho)[1]
    error = np.std(values, ddof=1) / 2
    assert abs(np.mean(values) - truth) < 4 * error + relative * truth


def test_independent_latents_score_zero():
    values = [tc.knn(correlated(s, 2000, 4, 0.0)[0]) for s in range(6)]
    assert abs(np.mean(values)) < 4 * np.std(values, ddof=1) / math.sqrt(6)


def test_sees_a_ring_where_gaussian_and_copula_see_nothing():
    samples = ring(0, 5000)
    assert tc.knn(samples) == pytest.approx(0.6789, abs=0.04)
    assert tc.gaussian(samples) < 0.002
    assert tc.copula(samples) < 0.002


def test_scale_shift_and_constants_do_not_matter():
    samples, _ = correlated(0, 500, 2, 0.8)
    value = tc.knn(samples)
    assert tc.knn(samples * [1e-8, 1e8] + [3.0, 0.0]) == pytest.approx(value, abs=1e-6)
    constant = np.concatenate([samples, np.full((500, 1), 7.0)], axis=1)
    assert tc.knn(constant) == value
    assert tc.knn(constant[:, [0, 2]]) == tc.knn(samples[:, :1]) == 0.0


def test_copies_of_rows_count_once():
    samples, _ = correlated(0, 1000, 3, 0.5)
    copies = np.random.default_rng(0).permutation(np.tile(samples, (5, 1)))
    assert tc.knn(copies) == pytest.approx(tc.knn(samples), abs=1e-9)


def test_permutation_test_rejects_only_dependence():
    independent = [
        tc.knn_permutation_test(correlated(s, 100, 2, 0.0)[0], 3, 39, s).p_value
        for s in range(30)
    ]
    # Uniform on {1/40, ..., 1}: the chance of more than 7 of 30 below 0.1 is 1 %.
    assert np.sum(np.array(independent) <= 0.1) <= 7
    assert np.mean(independent) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / 30))
    dependent = tc.knn_permutation_test(ring(0, 500), 3, 99, 0)
    assert dependent.p_value == pytest.approx(0.01)
    assert dependent.value > dependent.null.max()


@pytest.mark.parametrize("num_values", [None, 4])
def test_sequential_p_values_are_uniform_and_never_too_small(num_values):
    """P(p <= a) = a at each a that a p-value can be, and <= a with ties."""
    num_permutations, num_tests = 50, 600

    def draw(random):
        return random.integers(num_values) if num_values else random.random()

    p_values = []
    for seed in range(num_tests):
        random = np.random.default_rng(seed)
        test = neighbours.permutation_test(draw(random), draw, num_permutations, random)
        p_values.append(test.p_value)
        # Ten draws end it, and not before.
        as_large = np.sum(test.null >= test.value)
        assert as_large == 10 or (as_large < 10 and len(test.null) == num_permutations)
    for level in (1 / 51, 5 / 51, 10 / 50, 10 / 40, 10 / 20, 1.0):
        error = math.sqrt(level * (1 - level) / num_tests)
        share = np.mean(np.array(p_values) <= level + 1e-12)
        assert share <= level + 4 * error
        assert num_values or share >= level - 4 * error


def test_a_test_does_not_depend_on_the_number_of_threads(monkeypatch):
    def run(num_threads):
        monkeypatch.setattr(neighbours.joblib, "cpu_count", lambda: num_threads)
        return tc.knn_permutation_test(correlated(0, 200, 3, 0.1)[0], 3, 25, 0)

    np.testing.assert_array_equal(run(1).null, run(3).null)


def test_pairwise_information_finds_the_dependent_pair():
    samples = np.concatenate(
        [ring(0, 800), np.random.default_rng(1).standard_normal((800, 1))], axis=1
    )
    value, p_value = tc.pairwise_mutual_information(samples, 3, 39, 0)
    assert np.all(np.isnan(np.diag(value))) and np.all(np.isnan(np.diag(p_value)))
    np.testing.assert_array_equal(value, value.T)
    assert value[0, 1] == tc.knn(samples[:, :2]) > 0.5
    assert p_value[0, 1] == pytest.approx(1 / 40)
    assert min(p_value[0, 2], p_value[1, 2]) > 1 / 40
    assert max(abs(value[0, 2]), abs(value[1, 2])) < 0.1
    assert np.all(np.isnan(tc.pairwise_mutual_information(samples).p_value))


def test_heavy_tails_and_outliers_do_not_move_normal_scores():
    def student(seed):
        """Student's t of one degree of freedom: log(8 pi) - 3 = 0.224 nats."""
        random = np.random.default_rng(seed)
        samples = random.standard_normal((4000, 2))
        return samples / np.abs(random.standard_normal((4000, 1)))

    scores = np.mean([tc.knn(student(seed)) for seed in range(4)])
    standardised = np.mean(
        [tc.knn(student(seed), marginals="standardise") for seed in range(4)]
    )
    assert scores == pytest.approx(math.log(8 * math.pi) - 3, abs=0.03)
    assert standardised < 0.2
    samples, _ = correlated(0, 1000, 2, 0.8)
    spoilt = np.concatenate([samples, [[1e12, 0.0]]])
    assert tc.knn(spoilt) == pytest.approx(tc.knn(samples), abs=0.01)


@pytest.mark.parametrize("marginals", ["normal_scores", "standardise"])
def test_degenerate_latents(marginals):
    random = np.random.default_rng(0)
    samples = random.standard_normal((400, 3))

    def knn(samples):
        return tc.knn(samples, marginals=marginals)

    value = knn(samples)
    assert abs(value) < 0.1
    assert knn(np.ones((9, 3))) == knn(samples[:, :1]) == 0.0
    assert np.all(tc.pairwise_mutual_information(np.ones((9, 3))).value[0, 1:] == 0.0)
    for scale in (1e-12, 1e12, [1e-12, 1.0, 1e12]):
        assert knn(samples * scale) == pytest.approx(value, abs=1e-9)
    for outlier in (1e12, 1e30):
        assert abs(knn(np.concatenate([samples, np.full((1, 3), outlier)]))) < 0.15
    assert knn(samples.astype(np.float32)) == pytest.approx(value, abs=1e-3)
    assert abs(knn(samples.astype(np.float16))) < 0.1
    # Copies share all that n samples can show, inexact ones of float32, too.
    for copy in (samples[:, 0], 3 * samples[:, 0].astype(np.float32) + np.float32(0.1)):
        copies = np.stack([samples[:, 0].astype(np.float32), copy], axis=1)
        assert knn(copies) > 4.0
    # A constant up to rounding is discrete, and independent.
    constant = np.float32(0.1) * (1 + random.integers(0, 3, 400) * np.float32(1e-7))
    assert abs(knn(np.stack([samples[:, 0], constant], axis=1))) < 0.1
    assert np.isfinite(knn(samples[:4]))


def test_bad_input():
    with pytest.raises(ValueError, match="marginals must be one of"):
        tc.knn(np.eye(9), marginals="ranks")
    with pytest.raises(ValueError, match="samples has 2 distinct rows, too few"):
        tc.knn([[0.0, 1.0], [2.0, 3.0]] * 5)
    with pytest.raises(ValueError, match="num_neighbours must be an integer >= 1"):
        tc.knn(np.random.default_rng(0).standard_normal((10, 2)), 0)
    with pytest.raises(
        ValueError, match="distinct rows, too few for num_neighbours=20"
    ):
        tc.knn(np.random.default_rng(0).standard_normal((10, 2)), 20)


def test_the_shared_null_holds_for_all_marginals():
    # 66 pairs of unlike latents in each sample: the share of p-values up to 0.1 has a
    # standard error of 0.02, and the null sample's own error of 0.02.
    small = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        z = random.standard_normal((100, 12))
        z[:, 3:6] = np.exp(2.0 * z[:, 3:6])
        z[:, 6:9] = np.tan(1.5 * np.tanh(z[:, 6:9]))
        z[:, 9:] = np.round(4.0 * z[:, 9:])
        p_value = tc.pairwise_mutual_information(z, 3, 99, random).p_value
        small += list(p_value[np.tril_indices(12, -1)] <= 0.1)
    assert np.mean(small) == pytest.approx(0.1, abs=0.09)


def test_no_latent_that_varies_is_independence():
    test = tc.knn_permutation_test(np.ones((50, 3)), 3, 9)
    assert (test.value, test.p_value) == (0.0, 1.0)
    assert tc.knn(np.ones((50, 3))) == 0.0
