# SPDX-License-Identifier: Apache-2.0
"""Holds our numbers against those of other packages and papers.

    pip install 'rtc_plugin[conformance]'
    python benchmarks/conformance.py -o docs/conformance.md

Takes some minutes. A package that is missing is named on the page, which then lacks its
part; everything else is drawn from fixed seeds. Every difference is judged:

    equal        to the digits shown, up to the order of floating-point additions
    noise        within 99.7 % of Student's t, by the standard error over seeds
    definition   the two compute different things, and the row says which
    error        a bias of the estimator, ours unless the row says whose
"""

import argparse
import importlib
import importlib.metadata
import math
import os
import sys
import time
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from rtc_plugin import total_correlation as tc
from rtc_plugin.files import whole_file
from rtc_plugin.measures import infomec, mig_variants
from rtc_plugin.measures.library import sap_score

_TESTS = os.path.join(os.path.dirname(__file__), "..", "tests", "measures")
_EQUAL = 1e-6
# Peer -> its name in the package index, the module that is used.
PEERS = {
    "bmi": ("benchmark-mi", "bmi"),
    "infomeasure": ("infomeasure", "infomeasure"),
    "THOI": ("thoi", "thoi.measures.gaussian_copula"),
    "hoi": ("hoi", "hoi.metrics"),
    "scikit-learn": ("scikit-learn", "sklearn.feature_selection"),
    "disent": ("disent", "disent.metrics"),
}


class Row(NamedTuple):
    """A comparison: what of, their value, ours, and the judgement."""

    what: str
    theirs: float
    ours: str
    judgement: str


def compare(what, theirs, ours, definition=None, tolerance=_EQUAL):
    """Returns a row of two single numbers.

    Args:
        what: What they are of.
        theirs: The peer's.
        ours: Ours.
        definition: What differs by definition, if anything does.
        tolerance: Largest difference, relative or absolute, that counts as equal.
    """
    same = abs(ours - theirs) <= tolerance * max(1.0, abs(theirs))
    judgement = "equal" if same else f"definition: {definition}" if definition else None
    return Row(what, theirs, f"{ours:.6f}", judgement or "error")


def judge(what, truth, values, error):
    """Returns a row of repeated estimates of a known value.

    Args:
        what: What is estimated.
        truth: Its value.
        values: Our estimates, one per seed.
        error: What a bias beyond noise comes from.
    """
    mean, spread = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    noise = abs(mean - truth) <= stats.t.ppf(0.9985, len(values) - 1) * spread
    judgement = "noise" if noise else f"error {mean - truth:+.3f}: {error}"
    return Row(what, truth, f"{mean:.3f} ± {spread:.3f}", judgement)


def correlated(seed, num_samples=1000, num_latent=4):
    """Returns Gaussian samples of some correlation, [num_samples, num_latent]."""
    random = np.random.default_rng(seed)
    mixing = np.eye(num_latent) + 0.4 * random.standard_normal((num_latent, num_latent))
    return random.standard_normal((num_samples, num_latent)) @ mixing


def between(estimate, x, y):
    """Returns I(X;Y) = TC(X,Y) - TC(X) - TC(Y) of blocks of latents, in nats."""
    inner = [estimate(block) for block in (x, y) if block.shape[1] > 1]
    return estimate(np.concatenate([x, y], axis=1)) - sum(inner)


def of_bmi(bmi, num_samples=2000, num_seeds=6):
    """The 40 tasks of the benchmark, whose mutual information is known."""
    for name, task in importlib.import_module("bmi.benchmark").BENCHMARK_TASKS.items():
        drawn = [
            [np.asarray(block, np.float64) for block in task.sample(num_samples, seed)]
            for seed in range(num_seeds)
        ]
        truth = float(task.mutual_information)
        dims = task.dim_x + task.dim_y
        # Monotone in every column, which a copula does not see.
        elementwise = name.startswith(
            ("multinormal", "1v1-normal", "normal_cdf-", "half_cube-")
        )
        reason = (
            f"{dims} columns need more than {num_samples} rows"
            if elementwise
            else "the dependence is none of a Gaussian copula"
        )
        curve = name.startswith("swissroll")
        for estimate, why in (
            (tc.copula, reason),
            (tc.knn, f"neighbours in {dims} dimensions"),
        ):
            what = f"{name}, {estimate.__name__}"
            row = judge(what, truth, [between(estimate, *b) for b in drawn], why)
            if curve and row.judgement != "noise":
                why = "X is a curve, whose own total correlation is infinite"
                row = row._replace(judgement=f"definition: {why}")
            yield row


def of_infomeasure(infomeasure):
    """Kraskov's estimator, on standardised samples as they are."""
    from rtc_plugin.total_correlation import neighbours

    for seed in range(3):
        z = correlated(seed, 800, 2)
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        for k in (3, 10):
            theirs = infomeasure.mutual_information(
                z[:, 0], z[:, 1], approach="ksg", k=k, noise_level=0
            )
            ours = neighbours.kraskov(z, k)
            yield compare(f"KSG, k = {k}, seed {seed}", float(theirs), float(ours))


def unbiased_copula(z):
    """Returns `copula` less what it would be expected of independent Gaussians.

    That is sum_k [psi((n - 1) / 2) - psi((n - k) / 2)] / 2, which is what both peers
    take away; `gaussian_bias` is its first term in 1 / n.
    """
    num_samples, num_latent = z.shape
    psi = special.digamma((num_samples - np.arange(1, num_latent + 1)) / 2)
    return tc.copula(z) - float(np.sum(psi[0] - psi)) / 2


def of_thoi(thoi):
    """Total correlation of a Gaussian copula."""
    for seed in range(3):
        z = correlated(seed)
        found = np.asarray(thoi.nplets_measures(z)).ravel()
        yield compare(f"TC, seed {seed}", float(found[0]), unbiased_copula(z))


def of_hoi(hoi):
    """Total correlation of a Gaussian copula."""
    for seed in range(3):
        z = correlated(seed)
        size = z.shape[1]
        found = hoi.TC(z, verbose=False).fit(minsize=size, maxsize=size, method="gc")
        # It computes in float32 and answers in bits.
        nats = float(np.ravel(found)[0]) * math.log(2)
        yield compare(f"TC, seed {seed}", nats, unbiased_copula(z), tolerance=1e-5)


def of_scikit_learn(sklearn):
    """Mutual information of two columns by neighbours."""
    for seed in range(3):
        z = correlated(seed, 800, 2)
        theirs = sklearn.mutual_info_regression(
            z[:, :1], z[:, 1], n_neighbors=3, random_state=0
        )[0]
        ours = tc.knn(z, 3, marginals="standardise")
        reason = "adds noise of 1e-10 and counts points on the rim"
        yield compare(f"two columns, seed {seed}", theirs, ours, reason, 1e-4)
        normal = tc.knn(z, 3)
        reason = "ours of normal scores, which no monotone change of a column moves"
        yield compare(
            f"two columns, normal scores, seed {seed}", theirs, normal, reason
        )


def of_disent(disent):
    """MIG and SAP of codes."""
    mig = importlib.import_module("disent.metrics._mig")
    sap = importlib.import_module("disent.metrics._sap")
    for seed in range(2):
        random = np.random.default_rng(seed)
        factors = random.integers([5, 4, 3], size=(3000, 3))
        z = factors @ random.standard_normal((3, 4))
        z += random.standard_normal(z.shape)
        halves = z[:2000].T, factors[:2000].T, z[2000:].T, factors[2000:].T
        (theirs,) = mig._compute_mig(*halves[:2]).values()
        ours = mig_variants(z[:2000], factors[:2000])["mig"]
        yield compare(f"MIG, seed {seed}", theirs, ours)
        (theirs,) = sap._compute_sap(*halves, continuous_factors=True).values()
        rows = [half.T for half in halves]
        ours = sap_score(*rows, continuous=True)["SAP_score"]
        yield compare(f"SAP of squared correlations, seed {seed}", theirs, ours)
        (theirs,) = sap._compute_sap(*halves, continuous_factors=False).values()
        state = np.random.RandomState(seed)
        ours = sap_score(*rows, random_state=state)["SAP_score"]
        reason = "theirs draws the SVMs' random state from the process"
        yield compare(f"SAP of accuracies, seed {seed}", theirs, ours, reason)


def of_infomec():
    """The authors' own file, whose numbers for given arrays a test keeps."""
    sys.path.insert(0, _TESTS)
    from test_infomec import AUTHORS, shared_arrays

    for name, seed, definition, *known, _ in AUTHORS:
        z, factors = shared_arrays(name, seed)
        discrete = name in ("integers", "levels")
        found = infomec(z, factors, definition, discrete)
        for key, theirs in zip(("infom", "infoe", "infoc"), known):
            ours = getattr(found, key)
            what = f"{key}, {name}, seed {seed}, {definition}"
            if ours is None or math.isnan(theirs):
                yield Row(
                    what,
                    theirs,
                    "None" if ours is None else f"{ours:.6f}",
                    "definition: a latent without information has no share; theirs is "
                    "not a number",
                )
                continue
            reason = "theirs breaks ties by noise of 1e-10"
            yield compare(what, theirs, ours, reason, 1e-4)


def of_beta_tcvae(batch_size=5, dataset_size=100):
    """The weights in the authors' program (`_log_importance_weight_matrix`).

    With M = B - 1: filled with 1/M; then, in the flattened matrix, 1/N from 0 and
    (N-M)/(NM) from 1 on in steps of M + 1 = B, that is in columns 0 and 1 of every
    row; and (N-M)/(NM) in row M - 1, column 0.
    """
    others = batch_size - 1
    stratum = (dataset_size - others) / (dataset_size * others)
    theirs = np.full((batch_size, batch_size), 1 / others)
    theirs[:, 0], theirs[:, 1] = 1 / dataset_size, stratum
    theirs[others - 1, 0] = stratum
    random = np.random.default_rng(0)
    z_mean = random.standard_normal((batch_size, 3))
    z_logvar = np.full_like(z_mean, -2.0)
    z = z_mean + math.exp(-1) * random.standard_normal(z_mean.shape)
    exponents = -0.5 * (
        math.log(2 * math.pi) - 2.0 + (z[:, None] - z_mean) ** 2 * math.exp(2.0)
    )
    joint = np.log(np.sum(theirs * np.exp(exponents.sum(axis=2)), axis=1))
    marginals = np.log(np.sum(theirs[..., None] * np.exp(exponents), axis=1)).sum(
        axis=1
    )
    found = float(np.mean(joint - marginals))
    reason = "the authors' paper, 1/N on the diagonal; their program is MSS0"
    for name, definition in (("mss0", None), ("mss1", reason)):
        ours = tc.minibatch(z, z_mean, z_logvar, name, dataset_size)
        yield compare(f"TC of a batch, {name}", found, float(ours), definition)


# Means of the line estimators as published (Bai et al., Estimating Total Correlation
# with Mutual Information Estimators, AISTATS 2023); the law and the batches of 64 are
# those of the authors' notebook.
TRUTHS = (2.0, 4.0, 6.0, 8.0, 10.0)
PUBLISHED = {
    "MINE": (0.76, 1.57, 2.30, 3.03, 3.70),
    "InfoNCE": (1.20, 2.34, 3.42, 4.35, 5.12),
}


def of_tc_estimation(num_samples=10_000, num_seeds=10, dim=20):
    """Four variables of 20 dimensions, in two pairs that share half of it each."""
    for i, truth in enumerate(TRUTHS):
        rho = math.sqrt(1 - math.exp(-truth / dim))
        values = []
        for seed in range(num_seeds):
            random = np.random.default_rng(seed)
            x = random.standard_normal((2, num_samples, dim))
            y = rho * x + math.sqrt(1 - rho**2) * random.standard_normal(x.shape)
            z = np.concatenate([*x, *y], axis=1)
            values.append(tc.gaussian(z) - tc.gaussian_bias(*z.shape))
        for name, means in PUBLISHED.items():
            yield Row(
                f"{name} (line), {truth:g} nats",
                truth,
                f"{means[i]:.2f}",
                f"error {means[i] - truth:+.2f}: theirs, a bound from batches of 64",
            )
        yield judge(f"Gaussian, {truth:g} nats", truth, values, "few rows")


PARTS = (
    (
        "bmi",
        of_bmi,
        "Mutual information of two blocks as a difference of total correlations, 2000 "
        "samples, six seeds; theirs is the exact value.",
    ),
    ("infomeasure", of_infomeasure, "Nearest neighbours after Kraskov."),
    ("THOI", of_thoi, "Copula total correlation, less its expected bias."),
    ("hoi", of_hoi, "Copula total correlation, less its expected bias; bits to nats."),
    ("scikit-learn", of_scikit_learn, "`mutual_info_regression`."),
    ("disent", of_disent, "MIG and SAP from the same codes and factors."),
    (
        "InfoMEC",
        of_infomec,
        "Numbers of the authors' file (scikit-learn 1.5.2) for arrays that "
        "`tests/measures/test_infomec.py` makes.",
    ),
    ("beta-TCVAE", of_beta_tcvae, "The weights of the authors' program, typed anew."),
    (
        "Estimating Total Correlation",
        of_tc_estimation,
        "Published means beside the exact value; ours from 10,000 samples of the same "
        "law by the Gaussian formula, which is the right one there.",
    ),
)

_READ = """## Read, not run

FactorVAE's discriminator loss, half the sum of two cross-entropies (codes as class 0,
permuted codes as class 1), needs TensorFlow: `tests/methods/test_density_ratio.py` and
`tests/methods/test_rtc_vae.py` hold it and its gradients against the formula by hand.
"""


def run(name, function):
    """Returns the rows of a part, or a sentence why there are none."""
    if name not in PEERS:
        return list(function())
    package, module = PEERS[name]
    try:
        peer = importlib.import_module(module)
    except Exception as error:  # Whatever an import of theirs may raise.
        return f"{package} cannot be imported here ({type(error).__name__})."
    return list(function(peer))


def to_markdown(parts):
    """Returns the page: `parts` are (name, explanation, rows or a sentence)."""
    counts = {}
    for _, _, rows in parts:
        for row in rows if isinstance(rows, list) else ():
            kind = row.judgement.split()[0].rstrip(":")
            counts[kind] = counts.get(kind, 0) + 1
    lines = ["# Outside checks", ""]
    lines += ["Made by `python benchmarks/conformance.py`; not edited by hand.", ""]
    lines += ["Every difference" + __doc__.split("Every difference")[1], ""]
    total = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    lines += [f"Of all comparisons: {total}.", ""]
    for name, text, rows in parts:
        package, _ = PEERS.get(name, (None, None))
        version = ""
        if package is not None and isinstance(rows, list):
            version = f" {importlib.metadata.version(package)}"
        lines += [f"## {name}{version}", "", text, ""]
        if not isinstance(rows, list):
            lines += [f"Not compared: {rows}", ""]
            continue
        theirs = (
            "exact" if name in ("bmi", "Estimating Total Correlation") else "theirs"
        )
        value = "estimate" if theirs == "exact" else "ours"
        lines += [f"| what | {theirs} | {value} | |", "|---|---|---|---|"]
        lines += [
            f"| {r.what} | {r.theirs:.6g} | {r.ours} | {r.judgement} |" for r in rows
        ]
        lines.append("")
    lines += [_READ]
    return "\n".join(lines)


def main():
    """Runs all parts and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="docs/conformance.md")
    parser.add_argument("--only", help="Names of parts, separated by commas.")
    arguments = parser.parse_args()
    parts = []
    for name, function, text in PARTS:
        if arguments.only and name not in arguments.only.split(","):
            continue
        start = time.perf_counter()
        rows = run(name, function)
        parts.append((name, text, rows))
        print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    with whole_file(arguments.output) as partial:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(to_markdown(parts))


if __name__ == "__main__":
    main()
