# SPDX-License-Identifier: Apache-2.0
"""Which metrics there are, what they need, and how they are computed from `Arrays`.

A metric has the name, the defaults and the keys of its evaluation by `dlib_evaluate`,
so that a row of a results table means the same wherever it comes from.
"""

from typing import Callable, NamedTuple

import numpy as np

from rtc_plugin import measures
from rtc_plugin import total_correlation as tc
from rtc_plugin.measures import library, results
from rtc_plugin.measures.infomec import infomec_of_codes
from rtc_plugin.measures.tc_disparity import FLOOR
from rtc_plugin.measures.tc_nongaussian import without_rounding
from rtc_plugin.measuring import arrays as arrays_lib
from rtc_plugin.total_correlation.discrete import METHODS

CODES, LOGVAR, FACTORS, SAMPLER = "codes", "logvar", "factors", "a sampler"


class Metric(NamedTuple):
    """A metric of the suite.

    Attributes:
        compute: Function of `Arrays` and a seed to a dictionary.
        needs: `CODES`, `LOGVAR`, `FACTORS` or `SAMPLER`.
        is_tc: Whether it is about total correlation.
        is_split: Whether it learns from some rows and is tested on others, in the
            study's numbers.
        is_plugins: Whether it is the plugin's, which takes means and log variances.
        light: Keywords of `compute` that leave out errors and tests, for resamples.
    """

    compute: Callable
    needs: str = CODES
    is_tc: bool = False
    is_split: bool = False
    is_plugins: bool = False
    light: dict = {}


def _of_codes(measure):
    """Has a measure of `Codes` run on those, and on samples that the user has given."""

    def compute(arrays, seed, **keywords):
        found = measure(arrays.codes, np.random.RandomState(seed), **keywords)
        if arrays.samples is None:
            return found
        drawn = measure(
            arrays_lib.sampled(arrays), np.random.RandomState(seed), **keywords
        )
        return _merge(found, drawn)

    return compute


def _merge(found, drawn):
    """Joins what means and samples have told; what either tells is known."""
    known = {key: value for key, value in found.items() if value is not None}
    merged = {**found, **drawn, **known}
    reasons = {**drawn.get("reasons", {}), **found.get("reasons", {})}
    if merged.get("tc_mean") is not None and merged.get("tc_sample") is not None:
        merged["tc_gap"] = merged["tc_mean"] - merged["tc_sample"]
    unknown = [key for key in reasons if merged.get(key) is None]
    merged["not_computed"] = unknown
    merged["reasons"] = {key: reasons[key] for key in unknown}
    return merged


def _disintegration(arrays, seed, num_blocks=10):
    return measures.factor_disintegration(
        arrays.codes.plain,
        arrays.values,
        np.random.RandomState(seed),
        arrays.categorical,
        num_blocks=num_blocks,
    )


def _infomec(definition):
    def compute(arrays, seed):
        return infomec_of_codes(
            arrays.codes,
            np.random.RandomState(seed),
            definition,
            arrays.discrete_latents,
        )

    return compute


def _learnt(measure, of_values=False, seeded=False, **keywords):
    """Has a measure learn from one part of the rows and be tested on the other."""

    def compute(arrays, seed):
        own = {"random_state": library.estimators_seed(seed)} if seeded else {}
        parts = []
        for part in arrays.split():
            parts += [part.codes.plain, part.values if of_values else part.factors]
        return measure(*parts, **own, **keywords)

    return compute


def _of_train_codes(measure, with_factors=True):
    def compute(arrays, seed):
        train, _ = arrays.split()
        factors = (train.factors,) if with_factors else ()
        return measure(train.codes.plain, *factors)

    return compute


def _of_sampler(measure):
    def compute(arrays, seed):
        return measure(arrays.sampler, np.random.RandomState(seed))

    return compute


def _mig(arrays, seed):
    train, _ = arrays.split()
    found = measures.mig_variants(train.codes.plain, train.factors)
    kept = {key: found[key] for key in ("not_computed", "reasons") if key in found}
    return {"discrete_mig": found["mig"], **kept}


def _mig_variants(arrays, seed):
    return measures.mig_variants(arrays.codes.plain, arrays.factors)


def _higher_order(arrays, seed):
    """Dual total correlation and O-information of means and of samples, and pairs."""
    codes, found = arrays.codes, {}
    drawn = arrays.samples
    if drawn is None:
        drawn = codes.draw(np.random.default_rng(seed))
    for part, z in (("mean", codes.z_mean), ("sample", drawn)):
        keys = [
            f"{quantity}_{law}_{part}"
            for law in ("gaussian", "copula")
            for quantity in ("dual_total_correlation", "o_information")
        ]
        if z is None:
            results.withhold(found, keys, "it takes logvar or samples")
            continue
        z = without_rounding(z, codes.precision)
        for law, by_rank in (("gaussian", False), ("copula", True)):
            dependence = tc.gaussian_dependence(tc.correlation(z, by_rank))
            for quantity in ("dual_total_correlation", "o_information"):
                value = getattr(dependence, quantity)
                key = f"{quantity}_{law}_{part}"
                found[key] = value
                if not np.isfinite(value):
                    reason = "latents are linearly dependent: it is infinite"
                    results.withhold(found, [key], reason)
        pairs = tc.pairwise_gaussian(z, normal_scores=True)
        largest = -0.5 * np.log(FLOOR)  # Of copies, as in their total correlation.
        found[f"pairwise_copula_{part}"] = results.off_diagonal(
            np.minimum(pairs.value, largest)
        )
        found[f"pairwise_copula_pvalue_{part}"] = results.off_diagonal(pairs.p_value)
    return found


def _discrete(arrays, seed):
    """Total correlation and MIG of quantised latents, by counting their values."""
    found = {}
    z = arrays.codes.plain
    if not arrays.discrete_latents:
        keys = [f"tc_{method}" for method in METHODS]
        keys += ["coverage", "mig_counted"]
        results.withhold(found, keys, "the latents are not discrete")
        return found
    for method in METHODS:
        found[f"tc_{method}"] = tc.discrete(z, method)
    found["coverage"] = tc.coverage(z)
    if arrays.factors is None:
        results.withhold(found, ["mig_counted"], f"it takes {FACTORS}")
        return found
    labels = np.stack([np.unique(x, return_inverse=True)[1] for x in z.T], axis=1)
    # A bin for each value of each latent.
    mig = measures.mig_variants(labels, arrays.factors, int(labels.max()) + 1)
    found["mig_counted"] = mig["mig"]
    if mig["mig"] is None:
        results.withhold(found, ["mig_counted"], mig["reasons"]["mig"])
    return found


def _study(compute, needs=FACTORS):
    return Metric(compute, needs, is_split=True)


def _plugin(compute, needs=CODES, is_tc=False, **light):
    return Metric(compute, needs, is_tc, is_plugins=True, light=light)


METRICS = {
    "tc_disparity": _plugin(
        _of_codes(measures.tc_disparity), is_tc=True, num_bootstrap=2
    ),
    "tc_nongaussian": _plugin(
        _of_codes(measures.tc_nongaussian), num_permutations=0, use_discriminator=False
    ),
    "elbo_decomposition": _plugin(_of_codes(measures.elbo_decomposition), LOGVAR),
    "conditional_independence": _plugin(
        _of_codes(measures.conditional_independence), LOGVAR
    ),
    "higher_order": _plugin(_higher_order, is_tc=True),
    "discrete": _plugin(_discrete, is_tc=True),
    "unsupervised": _study(
        _of_train_codes(library.unsupervised, with_factors=False), CODES
    ),
    "mig": _study(_mig),
    "mig_variants": _plugin(_mig_variants, FACTORS),
    "sap_score": _study(_learnt(library.sap_score, seeded=True)),
    "sap_continuous": _study(_learnt(library.sap_score, True, continuous=True)),
    "dci": _study(_learnt(library.dci, seeded=True)),
    "modularity_explicitness": _study(_learnt(library.modularity_explicitness)),
    "irs": _study(_of_train_codes(library.irs)),
    "infomec": _plugin(_infomec("paper"), FACTORS),
    "infomec_standalone": _plugin(_infomec("standalone"), FACTORS),
    "factor_disintegration": _plugin(_disintegration, FACTORS, num_blocks=2),
    "downstream_task_boosted_trees": _study(
        _learnt(library.downstream_task, predictor="boosted_trees", seeded=True)
    ),
    "downstream_task_logistic_regression": _study(
        _learnt(library.downstream_task, predictor="logistic_regression")
    ),
    "beta_vae_sklearn": Metric(_of_sampler(library.beta_vae_score), SAMPLER),
    "factor_vae_metric": Metric(_of_sampler(library.factor_vae_score), SAMPLER),
}


def rows_of(name, arrays):
    """Returns the rows of which a metric is computed, as `Arrays`."""
    if METRICS[name].is_split:
        return arrays.head(arrays_lib.NUM_TRAIN + arrays_lib.NUM_TEST)
    return arrays.head(arrays_lib.MAX_ROWS)


def missing(arrays, metric):
    """Returns what a metric needs and the arrays lack, '' if nothing."""
    has = {
        CODES: True,
        LOGVAR: arrays.codes.z_logvar is not None,
        FACTORS: arrays.factors is not None,
        SAMPLER: arrays.sampler is not None,
    }
    return "" if has[METRICS[metric].needs] else METRICS[metric].needs


def compute(name, arrays, seed):
    """Computes one metric.

    Args:
        name: Key of `METRICS`.
        arrays: `Arrays` that have what it needs.
        seed: Of what is random in it, as `evaluation.random_seed`.

    Returns:
        Dictionary of what JSON can hold; a value that cannot be had is None, and its
        `reasons` say why.
    """
    return results.to_json(METRICS[name].compute(arrays, seed))
