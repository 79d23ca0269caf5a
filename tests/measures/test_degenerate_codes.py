# SPDX-License-Identifier: Apache-2.0
"""Codes at the edges: a right value, None with its reason, or one clear line."""

import numpy as np
import pytest

from rtc_plugin import measures
from rtc_plugin.errors import UserError


def disintegration(z, factors):
    return measures.factor_disintegration(z, factors, num_blocks=3)


def infomec(z, factors, definition="paper"):
    return measures.infomec(z, factors, definition, max_iter=30)._asdict()


def infomec_standalone(z, factors):
    return infomec(z, factors, "standalone")


def infomec_signal_share(z, factors):
    return infomec(z, factors, "signal_share")


def mig_variants(z, factors):
    return {"reasons": {}, **measures.mig_variants(z, factors)}


MEASURES = [
    disintegration,
    infomec,
    infomec_standalone,
    infomec_signal_share,
    mig_variants,
]


def base(num_samples=600):
    """A latent per factor, with noise that hardly matters."""
    random = np.random.default_rng(0)
    factors = random.integers([4, 3, 5], size=(num_samples, 3))
    return factors + 0.05 * random.standard_normal((num_samples, 3)), factors


def outlier(z):
    z = z.copy()
    z[17, 0] = 1e6
    return z


def inexact(z):
    """Single precision, in which .1 is not exact, and a function of another latent."""
    z = z.astype(np.float32)
    return np.column_stack([z, np.float32(3.0) * z[:, 0] + np.float32(0.1)])


# What is done to the codes and to the factors.
CASES = {
    "all latents constant": (lambda z: 0 * z + 0.3, None),
    "one latent": (lambda z: z[:, :1], None),
    "one dead": (lambda z: np.column_stack([z, np.full(len(z), 0.3)]), None),
    "copies": (lambda z: np.hstack([z, z]), None),
    "float32": (inexact, None),
    "two values": (lambda z: (z > 1.5).astype(float), None),
    "ties": (lambda z: np.round(z), None),
    "an outlier": (outlier, None),
    "tiny": (lambda z: 1e-12 * z, None),
    "huge": (lambda z: 1e12 * z, None),
    "scales": (lambda z: z * [1e-12, 1.0, 1e12], None),
    "far from 0": (lambda z: np.round(z) * 2e-9 + 1e6, None),
    "few samples": (lambda z: z[:12], lambda f: f[:12]),
    "least samples": (lambda z: z[:4], lambda f: f[:4]),
    "a constant factor": (None, lambda f: np.insert(f, 1, 7, axis=1)),
    "one factor": (None, lambda f: f[:, :1]),
    "constant factors": (None, lambda f: 0 * f),
}


def run(measure, case):
    z, factors = base()
    of_codes, of_factors = CASES[case]
    z = of_codes(z) if of_codes else z
    factors = of_factors(factors) if of_factors else factors
    return measure(z, factors)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.filterwarnings("error")
def test_a_value_or_a_reason_or_one_line(measure, case):
    try:
        results = run(measure, case)
    except UserError as error:
        assert case == "least samples"
        assert "\n" not in str(error) and "num_train" in str(error)
        return
    reasons = results.pop("reasons")
    assert results.pop("not_computed", list(reasons)) == list(reasons)
    assert reasons.keys() == {k for k, v in results.items() if v is None}
    for key, value in results.items():
        if value is not None and "mutual_information" not in key:
            assert np.all(np.isfinite(np.asarray(value, float))), key
        elif value is not None:  # A latent has infinite information on itself.
            assert not np.any(np.isnan(value))


def scores(measure, case=None):
    results = measure(*base()) if case is None else run(measure, case)
    return {
        key: value
        for key, value in results.items()
        if isinstance(value, float) and "stderr" not in key
    }


@pytest.mark.parametrize("case", ["tiny", "huge", "scales", "ties", "far from 0"])
@pytest.mark.parametrize("measure", [disintegration, infomec_signal_share])
def test_what_tells_factors_apart_is_independent_of_scale(measure, case):
    assert scores(measure, case) == pytest.approx(scores(measure), abs=0.03)


@pytest.mark.parametrize("case", ["tiny", "huge", "scales"])
def test_bins_do_not_depend_on_scale(case):
    assert scores(mig_variants, case) == pytest.approx(scores(mig_variants), abs=1e-3)


@pytest.mark.parametrize("case", ["tiny", "huge"])
@pytest.mark.parametrize("measure", [infomec, infomec_standalone])
def test_only_the_scale_of_latents_to_each_other_matters(measure, case):
    assert scores(measure, case) == pytest.approx(scores(measure), abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_constant_factor_is_left_out(measure):
    expected = scores(measure)
    # A factor that is not told, of which the gaps to the next one are means.
    for name in ("r2", "nmi"):
        if f"mean_{name}_gap" in expected:
            expected[f"mean_{name}_gap"] *= 3 / 4
    assert scores(measure, "a constant factor") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", [disintegration, infomec, infomec_signal_share])
def test_a_dead_latent_changes_nothing(measure):
    assert scores(measure, "one dead") == pytest.approx(scores(measure), abs=1e-6)


def test_a_dead_latent_counts_as_unused():
    expected = scores(mig_variants)
    expected["mig_sup"] *= 3 / 4
    assert scores(mig_variants, "one dead") == pytest.approx(expected)


def test_copies():
    assert scores(mig_variants, "copies")["mig"] == pytest.approx(0, abs=1e-9)
    results = scores(disintegration, "copies")
    assert results["disintegration"] == pytest.approx(0, abs=0.02)
    # Two latents of six for each factor: shares of 1/2, (1/2 - 1/6) / (1 - 1/6).
    assert scores(infomec, "copies")["infoc"] == pytest.approx(0.4, abs=0.03)
    # In single precision a multiple is a copy, too.
    results = scores(disintegration, "float32")
    assert results["disintegration"] == pytest.approx(0, abs=0.02)


def test_an_outlier_hides_its_latent_from_bins_alone():
    expected, results = scores(mig_variants), scores(mig_variants, "an outlier")
    assert results["mig"] == pytest.approx(2 / 3 * expected["mig"], abs=0.02)
    results = scores(infomec_signal_share, "an outlier")
    expected = scores(infomec_signal_share)
    for key in ("infom", "infoc"):
        assert results[key] == pytest.approx(expected[key], abs=0.02)
    # By range only the latent with the outlier is left.
    assert run(infomec, "an outlier")["reasons"] == {"infoc": "only one latent is kept"}


def test_a_collapsed_code_is_not_judged():
    results = run(disintegration, "all latents constant")
    assert results["disintegration"] is results["latent_sharing"] is None
    assert results["disintegration_per_factor"].tolist() == [0, 0, 0]
    results = run(mig_variants, "all latents constant")
    assert (results["mig"], results["mig_sup"], results["dcimig"]) == (0, 0, 0)
