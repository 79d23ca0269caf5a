# SPDX-License-Identifier: Apache-2.0
"""Every estimator on the data that estimators get wrong.

Each must give a finite, right value, an infinite one where that is what its docstring
says, or an `InputError` of one line. A new estimator must join the lists below.
"""

import inspect
import math

import numpy as np
import pytest

from rtc_plugin import total_correlation as tc

NUM_SAMPLES = 1000
NOISE = 0.25  # Variance of the encoders, beside means of variance 1.


def of_covariance(z):
    return tc.gaussian_from_covariance(np.atleast_2d(np.cov(z, rowvar=False)))


def of_discriminator(z):
    return tc.discriminator(z, 0, 300, hidden=(32,), learning_rate=1e-2).value


def of_pairs(z):
    information = tc.pairwise_mutual_information(z).value
    return information[np.tril_indices(len(information), -1)].sum()


def of_gaussian_pairs(z):
    information = tc.pairwise_gaussian(z).value
    return information[np.tril_indices(len(information), -1)].sum()


def of_single_blocks(z):
    return tc.between_blocks(tc.correlation(z), [[k] for k in range(z.shape[1])])


# Functions from samples to total correlation. (Sums over pairs are one in two latents.)
OF_SAMPLES = {
    "between_blocks": of_single_blocks,
    "copula": tc.copula,
    "discrete": tc.discrete,
    "discriminator": of_discriminator,
    "gaussian": tc.gaussian,
    "gaussian_dependence": lambda z: float(
        tc.gaussian_dependence(tc.correlation(z)).total_correlation
    ),
    "gaussian_from_covariance": of_covariance,
    "knn": tc.knn,
    "knn_permutation_test": lambda z: tc.knn_permutation_test(z, 3, 2).value,
    "pairwise_gaussian": of_gaussian_pairs,
    "pairwise_mutual_information": of_pairs,
    "tree": lambda z: tc.tree(z).value,
}


def of_minibatch(z_mean, z_logvar):
    z_mean, z_logvar = z_mean[:500], z_logvar[:500]
    noise = np.random.default_rng(1).standard_normal(z_mean.shape)
    z = z_mean + np.exp(0.5 * z_logvar) * noise
    for estimator in tc.ESTIMATORS:
        got = tc.minibatch_decomposition(z, z_mean, z_logvar, estimator, 10 * len(z))
        assert math.isfinite(got.value) and np.isfinite(got.mutual_information).all()
        assert got.value == tc.minibatch(z, z_mean, z_logvar, estimator, 10 * len(z))
        assert got.value > got.lower_bound - 1e-9
        assert got.value < got.upper_bound + 1e-9 or estimator == "leave_one_out"
    return tc.minibatch(z, z_mean, z_logvar, "naive")


def of_decomposition(z_mean, z_logvar):
    got = tc.mixture_decomposition(z_mean, z_logvar, 300, 0)
    chain = got.mutual_information.sum() - got.index_mutual_information.value
    assert got.total_correlation.value == pytest.approx(chain, abs=1e-9)
    assert got.index_mutual_information.value < math.log(len(z_mean)) + 1e-9
    assert got.index_mutual_information_upper.value >= (
        got.index_mutual_information.value - 1e-9
    )
    return got.total_correlation.value


def of_shares(z_mean, z_logvar):
    share = tc.signal_share(z_mean, z_logvar)
    assert np.all((share >= 0) & (share <= 1))
    classes = tc.classify_latents(z_mean, z_logvar)
    assert set(classes) <= {tc.ACTIVE, tc.MIXED, tc.PASSIVE}
    # The Gaussian one follows from the shares and the correlation of the means.
    return tc.gaussian_sampled(z_mean, z_logvar)


# Functions from means and log variances to the total correlation of z.
OF_ENCODERS = {
    "gaussian_sampled": tc.gaussian_sampled,
    "minibatch": of_minibatch,
    "mixture": lambda m, v: tc.mixture(m, v, 300, 0).value,
    "mixture_decomposition": of_decomposition,
    "signal_share": of_shares,
}
WITHIN = {  # Called by the functions above.
    "classify_latents": "signal_share",
    "correlation": "gaussian_dependence",
    "minibatch_decomposition": "minibatch",
}
NO_ESTIMATORS = {
    "coverage",
    "discrete_entropy",
    "gaussian_bias",
    "gaussian_kl",
    "gaussian_spread",
    "minibatch_weights",
    "mixture_log_densities",
    "sample_mixture",
    "shuffle_latents",
}


def test_no_estimator_is_missing_here():
    public = {name for name in tc.__all__ if inspect.isfunction(getattr(tc, name))}
    assert public == set(OF_SAMPLES) | set(OF_ENCODERS) | set(WITHIN) | NO_ESTIMATORS


def encode(name):
    """Returns an encoder's estimator as a function of its means, noise independent."""

    def estimate(z_mean):
        spread = z_mean.std(axis=0)
        variance = NOISE * np.where(spread > 0, spread, 1.0) ** 2
        return OF_ENCODERS[name](z_mean, np.tile(np.log(variance), (len(z_mean), 1)))

    return estimate


ALL = {**OF_SAMPLES, **{name: encode(name) for name in OF_ENCODERS}}
each = pytest.mark.parametrize("name", ALL)
# Those that see second moments alone, and not the samples.
OF_MOMENTS = (
    "between_blocks",
    "gaussian_dependence",
    "gaussian_from_covariance",
    "pairwise_gaussian",
)
# Whose values on finite data are those of other quantities, see their docstrings: the
# plug-in counts distinct values, and the minibatch form is biased by its batch.
OF_OTHER_QUANTITIES = ("discrete", "minibatch")


def normal(num_latent, num_samples=NUM_SAMPLES, seed=0, rho=0.0):
    cov = (1 - rho) * np.eye(num_latent) + rho
    random = np.random.default_rng(seed)
    return random.multivariate_normal(np.zeros(num_latent), cov, size=num_samples)


@each
@pytest.mark.parametrize("value", [0.0, 0.25, -1e12, 1e-300])
def test_constant_latents_are_independent(name, value):
    assert ALL[name](np.full((100, 3), value)) == pytest.approx(0, abs=1e-9)


@each
def test_one_latent_depends_on_nothing(name):
    assert ALL[name](normal(1)) == pytest.approx(0, abs=1e-9)


@each
def test_a_dead_latent_changes_nothing(name):
    live = normal(2, rho=0.8)
    z = np.insert(live, 1, 0.25, axis=1)
    # A dead latent of an encoder is noise, which is drawn.
    tolerance = 0.15 if name in OF_ENCODERS else 1e-9
    assert ALL[name](z) == pytest.approx(ALL[name](live), abs=tolerance)


@each
def test_one_constant_and_one_live_latent_are_independent(name):
    z = np.insert(normal(1), 1, 0.25, axis=1)
    assert ALL[name](z) == pytest.approx(0, abs=0.05)


@each
@pytest.mark.parametrize("factor", [1.0, -2.0, 1 / 3, 0.1])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_copies(name, factor, precision):
    z1 = normal(1).astype(precision)
    z = np.concatenate([z1, precision(factor) * z1 + precision(0.3)], axis=1)
    got = ALL[name](z)
    if name in ("gaussian", "copula"):
        # Rounding may tie two ranks in float32.
        assert got == math.inf or (name == "copula" and got > 8)
    elif name in OF_MOMENTS:
        assert got == math.inf or got > 13  # A covariance has half of the digits.
    elif name in ("gaussian_sampled", "signal_share"):
        rho = 1 / (1 + NOISE)
        assert got == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-3)
    elif name == "discrete":
        assert got == pytest.approx(math.log(NUM_SAMPLES), abs=0.6)
    elif name in OF_ENCODERS:
        assert got == pytest.approx(0.51, abs=0.25)
    else:
        assert 1.5 < got < math.inf


@each
def test_two_valued_latents(name):
    random = np.random.default_rng(0)
    z1 = random.integers(2, size=4 * NUM_SAMPLES)
    z2 = np.where(random.random(len(z1)) < 0.1, 1 - z1, z1)
    independent = random.integers(2, size=len(z1))
    assert ALL[name](np.stack([z1, independent], axis=1)) == pytest.approx(0, abs=0.06)
    got = ALL[name](np.stack([z1, z2], axis=1))
    if name in ("gaussian", "copula", *OF_MOMENTS):
        # Of the Gaussian with the same correlation, .8.
        assert got == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.07)
    elif name in OF_ENCODERS:
        assert 0.1 < got < 0.4
    else:
        exact = math.log(2) + 0.1 * math.log(0.1) + 0.9 * math.log(0.9)
        assert got == pytest.approx(exact, abs=0.06)


@each
def test_ties(name):
    z = np.round(4 * normal(2, 4 * NUM_SAMPLES, rho=0.8)) / 4
    got = ALL[name](z)
    if name in OF_ENCODERS:
        rho = 0.8 / (1 + NOISE)
        assert got == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.12)
    else:
        # Rounding to quarters takes about .015 of -1/2 log(1 - .64) away.
        assert got == pytest.approx(0.5, abs=0.09 if name != "discrete" else 0.2)


LEAST = {
    "pairwise_gaussian": 3,
    "discriminator": 16,
    "knn": 4,
    "knn_permutation_test": 4,
    "tree": 11,
}


@each
def test_the_least_number_of_samples(name):
    least = LEAST.get(name, 2)
    got = ALL[name](normal(2, least))
    if least == 2 and name in ("gaussian", "copula", *OF_MOMENTS):
        assert got == math.inf or got > 10  # Two points lie on a line.
    elif name == "pairwise_mutual_information":
        assert np.isnan(got) or np.isfinite(got)
    else:
        assert np.isfinite(got)
    with pytest.raises(tc.InputError) as caught:
        if name == "pairwise_mutual_information":
            ALL[name](normal(2, 1))
        elif name in ("gaussian_from_covariance", "mixture", "mixture_decomposition"):
            # They need no second row.
            ALL[name](np.full((2, 2), np.nan))
        else:
            ALL[name](normal(2, least - 1))
    assert "\n" not in str(caught.value)


@each
def test_one_outlier(name):
    z = normal(2)
    z[17] = 1e6
    got = ALL[name](z)
    if name in ("gaussian", *OF_MOMENTS):
        assert 5 < got < math.inf  # Its docstring sends outliers to `copula`.
    elif name in OF_ENCODERS or name in OF_OTHER_QUANTITIES:
        assert np.isfinite(got)
    else:
        assert got == pytest.approx(0, abs=0.08)


@each
@pytest.mark.parametrize("scale", [1e-12, 1e12, [1e-12, 1e12, 1.0]])
def test_scales(name, scale):
    z = normal(3, rho=0.6)
    tolerance = 1e-6 if name not in ("mixture", "minibatch") else 1e-4
    assert ALL[name](z * scale) == pytest.approx(ALL[name](z), abs=tolerance)


@each
def test_independent_and_correlated_normals(name):
    independent, correlated = ALL[name](normal(2)), ALL[name](normal(2, rho=0.8))
    if name in OF_OTHER_QUANTITIES:
        assert np.isfinite(independent) and np.isfinite(correlated)
        return
    assert independent == pytest.approx(0, abs=0.08)
    rho = 0.8 / (1 + NOISE) if name in OF_ENCODERS else 0.8
    assert correlated == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.12)


@each
@pytest.mark.filterwarnings("ignore:invalid value")  # numpy.cov's, and numpy.std's.
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_in_one_line(name, bad):
    z = normal(2, 100)
    z[3, 1] = bad
    with pytest.raises(tc.InputError) as caught:
        ALL[name](z)
    assert "\n" not in str(caught.value)
