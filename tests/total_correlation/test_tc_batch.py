# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib

import numpy as np
import pytest
from scipy import special, stats

from rtc_plugin import total_correlation as tc

REFERENCE = json.loads(
    (pathlib.Path(__file__).parents[1] / "data/total_correlation.json").read_text()
)
UNIT = {
    name: np.array(value) if isinstance(value, list) else value
    for name, value in REFERENCE["unit_vectors"].items()
}
CELLS = REFERENCE["mc_sigma0.1"]


def encode(random, batch_size, num_latent, rho=0.0, sigma=0.1):
    """One batch of the reference model: mu ~ N(0, R), z = mu + sigma eps."""
    common, own = random.standard_normal((batch_size, 1)), (batch_size, num_latent)
    z_mean = math.sqrt(1 - rho) * random.standard_normal(own) + math.sqrt(rho) * common
    z = z_mean + sigma * random.standard_normal(own)
    return z, z_mean, np.full(own, 2 * math.log(sigma))


def published_formula(z, z_mean, z_logvar, weights):
    """TC = mean_i [log sum_j w_ij a_ij - sum_k log sum_j w_ij a_ijk], to the letter."""
    log_a = stats.norm.logpdf(z[:, None], z_mean, np.exp(0.5 * z_logvar))
    log_joint = special.logsumexp(log_a.sum(axis=2), axis=1, b=weights)
    log_marginals = special.logsumexp(log_a, axis=1, b=weights[:, :, None])
    return np.mean(log_joint - log_marginals.sum(axis=1)), log_joint, log_marginals


@pytest.mark.parametrize(
    "estimator, name",
    [
        ("raw", "tc_raw_dlib"),
        ("naive", "tc_naive"),
        ("mws", "tc_mws"),
        ("mss0", "tc_mss0"),
        ("mss1", "tc_mss1"),
        ("mss_sym", "tc_msssym"),
    ],
)
def test_unit_vectors(estimator, name):
    value = tc.minibatch(UNIT["z"], UNIT["mu"], UNIT["logvar"], estimator, UNIT["N"])
    assert value == pytest.approx(UNIT[name], abs=1e-9)


@pytest.mark.parametrize("estimator", ["mss0", "mss1", "mss_sym"])
def test_unit_weights(estimator):
    weights = tc.minibatch_weights(UNIT["B"], estimator, UNIT["N"]).dense()
    np.testing.assert_allclose(weights, UNIT[f"W_{estimator}"], rtol=1e-12)


@pytest.mark.parametrize("estimator", ["mss0", "mss1", "mss_sym", "leave_one_out"])
@pytest.mark.parametrize("batch_size", [2, 3, 7])
def test_weights_of_a_row_sum_to_one(estimator, batch_size):
    rows = tc.minibatch_weights(batch_size, estimator, 50).dense().sum(axis=1)
    expected = np.ones(batch_size)
    if estimator == "mss0":  # The published code spends one row's weight twice.
        others = batch_size - 1
        expected[others - 1] += (50 - others) / (50 * others) - 1 / 50
    np.testing.assert_allclose(rows, expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", tc.ESTIMATORS)
@pytest.mark.parametrize("batch_size, num_latent", [(2, 3), (5, 1), (70, 2), (1100, 2)])
def test_blocks_agree_with_the_published_formula(estimator, batch_size, num_latent):
    random = np.random.default_rng(batch_size)
    z_mean = random.standard_normal((batch_size, num_latent))
    z_logvar = random.uniform(-3, 1, (batch_size, num_latent))
    z = z_mean + np.exp(0.5 * z_logvar) * random.standard_normal(z_mean.shape)
    weights = tc.minibatch_weights(batch_size, estimator, 5000).dense()
    value, log_joint, log_marginals = published_formula(z, z_mean, z_logvar, weights)
    got = tc.minibatch_decomposition(z, z_mean, z_logvar, estimator, 5000)
    assert got.value == pytest.approx(value, rel=1e-10, abs=1e-11)
    np.testing.assert_allclose(got.log_joint, log_joint, rtol=1e-9)
    np.testing.assert_allclose(got.log_marginals, log_marginals, rtol=1e-9)
    if num_latent == 1:
        assert got.value == pytest.approx(0.0, abs=1e-12)


def estimates(z, z_mean, z_logvar):
    """All columns of the reference tables from one batch."""
    constant = (z.shape[1] - 1) * math.log(len(z))
    naive = tc.minibatch_decomposition(z, z_mean, z_logvar, "naive")
    result = {
        "raw": tc.minibatch(z, z_mean, z_logvar, "raw"),
        "naive": naive.value,
        "loo": tc.minibatch(z, z_mean, z_logvar, "leave_one_out"),
        "sum_Ik_naive": naive.mutual_information.sum(),
        "I_joint_naive": naive.mutual_information.sum() - naive.value,
    }
    assert result["raw"] == pytest.approx(naive.value - constant, abs=1e-9)
    for size in (17568, 737280):
        for column in ("mws", "mss0", "mss1", "msssym"):
            estimator = "mss_sym" if column == "msssym" else column
            result[f"{column}_N{size}"] = tc.minibatch(
                z, z_mean, z_logvar, estimator, size
            )
    return result


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda c: f"D{c['D']}-B{c['B']}-TC{c['target']}"
)
def test_monte_carlo_cells(cell):
    repetitions = 60 if cell["B"] == 64 else 5
    random = np.random.default_rng([cell["D"], cell["B"], int(10 * cell["target"])])
    runs = [
        estimates(*encode(random, cell["B"], cell["D"], cell["rho"]))
        for _ in range(repetitions)
    ]
    assert set(runs[0]) == set(cell["est"])
    for name, (mean, error) in cell["est"].items():
        values = [run[name] for run in runs]
        # The spread of one batch is the table's, or ours where rare batches make it.
        deviation = max(error * math.sqrt(cell["reps"]), np.std(values, ddof=1))
        spread = math.hypot(error, deviation / math.sqrt(repetitions)) + 1e-6
        score = (np.mean(values) - mean) / spread
        assert abs(score) < 4, (name, score)


def test_limits_at_tiny_sigma():
    random = np.random.default_rng(0)
    batches = [encode(random, 512, 10, sigma=1e-6) for _ in range(3)]
    limits = REFERENCE["limits_sigma_1e-6_D10_B512"]
    for estimator, limit in limits.items():
        values = [tc.minibatch(*batch, estimator, 737280) for batch in batches]
        # A handful of 1-D neighbours at 1e-6 move a batch by some hundredths.
        assert np.mean(values) == pytest.approx(limit, abs=0.05)


@pytest.mark.parametrize("estimator", tc.ESTIMATORS)
@pytest.mark.parametrize("sigma", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("batch_size", [2, 33, 200])
def test_every_batch_obeys_its_bounds(estimator, sigma, batch_size):
    for seed in range(3):
        batch = encode(np.random.default_rng(seed), batch_size, 4, 0.5, sigma)
        got = tc.minibatch_decomposition(*batch, estimator, 1000)
        assert got.lower_bound - 1e-9 <= got.value <= got.upper_bound + 1e-9


def test_bounds_of_naive_and_raw():
    batch = encode(np.random.default_rng(0), 100, 5)
    naive = tc.minibatch_decomposition(*batch, "naive")
    assert naive.upper_bound == pytest.approx(4 * math.log(100))
    information = naive.mutual_information.sum()
    assert naive.lower_bound == pytest.approx(information - math.log(100))
    assert tc.minibatch_decomposition(*batch, "raw").upper_bound == 0.0


def test_saturation_is_flagged():
    random = np.random.default_rng(0)
    # One nat per latent at sigma = 0.4: 2 latents are below log 512 = 6.2, 10 above.
    small = encode(random, 512, 2, sigma=0.4)
    large = encode(random, 512, 10, sigma=0.4)
    for estimator in tc.ESTIMATORS:
        assert not tc.minibatch_decomposition(*small, estimator, 10**6).saturated
    for estimator in ("raw", "naive", "mws", "mss0", "leave_one_out"):
        assert tc.minibatch_decomposition(*large, estimator, 10**6).saturated
    # MSS sees up to log N.
    for estimator in ("mss1", "mss_sym"):
        assert tc.minibatch_decomposition(*large, estimator, 1000).saturated
        assert not tc.minibatch_decomposition(*large, estimator, 10**6).saturated


def test_unbiased_density_by_enumeration_of_all_batches():
    # Average the MSS estimate of q(z) over every batch that holds the own encoding:
    # mss_sym gives the finite mixture exactly, and so does mss1 over all orders.
    import itertools

    random = np.random.default_rng(0)
    size, batch_size = 6, 3
    z_mean = random.standard_normal((size, 1))
    z_logvar = np.full((size, 1), -1.0)
    z = z_mean + random.standard_normal((size, 1))
    truth = np.exp(tc.mixture_log_densities(z[:1], z_mean, z_logvar)[0][0])
    for estimator in ("mss1", "mss_sym"):
        density = [
            math.exp(
                tc.minibatch_decomposition(
                    z[[0, *rest]],
                    z_mean[[0, *rest]],
                    z_logvar[[0, *rest]],
                    estimator,
                    size,
                ).log_joint[0]
            )
            for rest in itertools.permutations(range(1, size), batch_size - 1)
        ]
        assert np.mean(density) == pytest.approx(truth, rel=1e-12)


def test_bad_input():
    z, z_mean, z_logvar = encode(np.random.default_rng(0), 8, 3)
    broken = z_mean.copy()
    broken[0, 1] = np.nan
    cases = [
        ((z, broken, z_logvar, "naive"), "z_mean has NaN"),
        ((z, z_mean, z_logvar - np.inf, "naive"), "z_logvar has NaN or infinite"),
        ((z[:5], z_mean, z_logvar, "naive"), r"z has shape \(5, 3\), but z_mean"),
        ((z, z_mean, z_logvar[:, :2], "naive"), "z_logvar has shape"),
        ((z[:1], z_mean[:1], z_logvar[:1], "naive"), "needs at least 2 rows"),
        ((z, z_mean, z_logvar, "chen"), "estimator must be one of raw, naive"),
        ((z, z_mean, z_logvar, "mss1"), "dataset_size must be given"),
        ((z, z_mean, z_logvar, "mss1", 7), "dataset_size 7 is smaller than the batch"),
        ((z, z_mean, z_logvar, "mss1", 8.5), "dataset_size must be an integer"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            tc.minibatch(*arguments)
