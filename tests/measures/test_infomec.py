# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.measures.infomec import (
    DEFINITIONS,
    concentration,
    explicitness,
    infomec,
)


def shared_arrays(name, seed, num_samples=2000):
    """The arrays of which the authors' code gave the numbers below."""
    random = np.random.default_rng(seed)
    factors = random.integers([5, 4, 3], size=(num_samples, 3))
    noise = random.standard_normal((num_samples, 5))
    if name == "mixed":
        mixing = [[1, 0, 0], [0.5, 1, 0], [0, 0.3, 1], [0, 0, 0], [0, 0, 0.02]]
        z = (factors - 1.5) @ np.array(mixing).T + noise * [0.2, 0.4, 0.5, 1, 0.05]
        return z, factors
    if name == "noise":
        return noise, factors
    if name == "ranges":
        columns = factors[:, [0, 1, 2, 0, 1]] * [3, 2, 2, 0.25, 0.1]
        return columns + noise * [0.1, 0.1, 0.1, 0.01, 0.01], factors
    kept = random.random((num_samples, 4)) >= 0.3
    other = random.integers([5, 4, 3, 6], size=(num_samples, 4))
    codes = np.where(kept, factors[:, [0, 1, 2, 0]], other)
    return (codes.astype(float) if name == "levels" else codes), factors


# Arrays, seed, definition; InfoM, InfoE, InfoC by the authors' code (scikit-learn
# 1.5.2) and the latents it kept. NaN: a latent had no information at all.
AUTHORS = [
    ("mixed", 0, "paper", 0.71208, 0.75518, 0.88218, [0, 1, 2, 3]),
    ("mixed", 0, "standalone", 0.76172, 0.75518, 0.84723, [0, 1, 2, 3, 4]),
    ("mixed", 1, "paper", 0.67416, 0.76288, 0.85986, [0, 1, 2, 3]),
    ("mixed", 1, "standalone", 0.70240, 0.76288, 0.84227, [0, 1, 2, 3, 4]),
    ("noise", 0, "paper", 0.64805, 0.00201, 0.52186, [0, 1, 2, 3, 4]),
    ("noise", 0, "standalone", np.nan, 0.00201, 0.62907, [0, 1, 2, 3, 4]),
    ("ranges", 0, "paper", 0.98361, 0.99987, 0.98358, [0, 1, 2]),
    ("ranges", 0, "standalone", 0.99725, 0.99987, 0.77517, [0, 1, 2, 3]),
    ("integers", 0, "paper", 0.98989, 0.54277, 0.77684, [0, 1, 2, 3]),
    ("levels", 0, "paper", 0.98989, 0.27899, 0.77684, [0, 1, 2, 3]),
    ("levels", 0, "standalone", 0.98989, 0.54277, 0.77684, [0, 1, 2, 3]),
    ("levels", 1, "standalone", 0.98823, 0.51456, 0.76550, [0, 1, 2, 3]),
]


@pytest.mark.parametrize("name, seed, definition, infom, infoe, infoc, kept", AUTHORS)
def test_the_authors_numbers(name, seed, definition, infom, infoe, infoc, kept):
    z, factors = shared_arrays(name, seed)
    discrete = name in ("integers", "levels")
    results = infomec(z, factors, definition, discrete)
    assert np.flatnonzero(results.kept).tolist() == kept
    # Equal but for noise of 1e-10 that breaks ties, and the solver's last steps.
    assert results.infoe == pytest.approx(infoe, abs=1e-3)
    assert results.infoc == pytest.approx(infoc, abs=1e-4)
    if np.isfinite(infom):
        assert results.infom == pytest.approx(infom, abs=1e-4)
    else:
        assert 0.3 < results.infom <= 1


def test_chance_is_not_zero():
    random = np.random.default_rng(0)
    z, factors = random.standard_normal((1000, 10)), random.integers(5, size=(1000, 6))
    results = infomec(z, factors, max_iter=10)
    assert 0.35 < results.infom < 0.75
    assert 0.2 < results.infoc < 0.6
    assert results.infoe < 0.02


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_constant_factor_changes_nothing(definition):
    z, factors = shared_arrays("mixed", 0, 500)
    without = infomec(z, factors, definition)
    factors = np.insert(factors, 1, 7, axis=1)
    results = infomec(z, factors, definition)
    assert results[:3] == without[:3]
    assert results.nmi[:, 1].tolist() == [0] * 5


def test_signal_share_keeps_what_the_caller_names():
    z, factors = shared_arrays("ranges", 0, 500)
    signal = np.array([True, False, True, False, True])
    results = infomec(z, factors, "signal_share", signal=signal)
    assert results.kept.tolist() == signal.tolist()
    everything = infomec(z, factors, "signal_share")
    assert everything.kept.all()
    np.testing.assert_array_equal(everything.nmi, results.nmi)


def test_latents_in_no_proportion():
    # Information does not depend on scale, where every latent is kept.
    z, factors = shared_arrays("mixed", 0, 500)
    results = infomec(z, factors, "signal_share")
    other = infomec(
        z * [1e-12, 1e12, 1, -1, 1e-3], factors, "signal_share", random_state=1
    )
    assert other.infom == pytest.approx(results.infom, abs=1e-6)
    assert other.infoc == pytest.approx(results.infoc, abs=1e-6)
    assert other.infoe == pytest.approx(results.infoe, abs=1e-6)


def test_what_is_not_defined_says_why():
    z, factors = shared_arrays("mixed", 0, 500)
    one = infomec(z, factors[:, :1])
    assert (one.infom, one.reasons) == (None, {"infom": "only one factor varies"})
    one = infomec(z[:, :1], factors)
    assert (one.infoc, one.reasons) == (None, {"infoc": "only one latent is kept"})
    dead = infomec(0 * z, factors)
    assert (dead.infom, dead.infoc) == (None, None)
    assert dead.infoe == pytest.approx(0, abs=1e-9)
    assert set(dead.reasons.values()) == {"no latent has signal"}
    still = infomec(z, 0 * factors)
    assert still[:3] == (None, None, None)
    assert set(still.reasons.values()) == {"every factor is constant"}


def test_values_that_do_not_recur_are_refused():
    z, factors = shared_arrays("mixed", 0, 100)
    with pytest.raises(UserError, match="latent 0 takes 100 values in 100 samples"):
        infomec(z, factors, discrete_latents=True)
    with pytest.raises(UserError, match="factor 1 takes another value in each of the"):
        infomec(z, np.stack([factors[:, 0], np.arange(100)], axis=1))


def test_concentration_by_hand():
    assert concentration(np.eye(3)) == pytest.approx(1)
    assert concentration(np.ones((2, 4))) == pytest.approx(0)
    # Shares .75 and 1 (of two): mean .875, rescaled (.875 - .5) / .5.
    assert concentration(np.array([[0.6, 0.2], [0.0, 0.4]])) == pytest.approx(0.75)
    assert concentration(np.zeros((2, 2))) is None
    assert concentration(np.array([[0, 0], [0, 0.4]])) == 1
    assert concentration(np.ones((0, 2))) is None
    assert concentration(np.ones((2, 1))) is None


def test_explicitness_of_a_known_and_an_unknown_bit():
    random = np.random.default_rng(0)
    factors = random.integers(2, size=(1000, 2))
    z = (2.0 * factors[:, :1] - 1) + 0.01 * random.standard_normal((1000, 1))
    assert explicitness(z, factors[:, :1]) > 0.95
    assert explicitness(z, factors[:, 1:]) < 0.01
    assert explicitness(z, factors) == pytest.approx(0.5, abs=0.03)
    assert explicitness(z, 0 * factors) is None


def test_the_authors_numbers_where_values_are_not_equally_frequent():
    # The fit weighs values alike, and the loss does not.
    random = np.random.default_rng(0)
    two = (random.random(2000) < 0.2).astype(int)
    factors = np.stack([two, random.choice(4, 2000, p=[0.6, 0.2, 0.1, 0.1])], axis=1)
    z = factors @ [[1.0, 0.3, 0.0], [0.0, 0.5, 1.0]]
    z += 0.7 * random.standard_normal((2000, 3))
    assert infomec(z, factors)[:3] == pytest.approx(
        (0.91455, 0.42368, 0.72069), abs=1e-3
    )
