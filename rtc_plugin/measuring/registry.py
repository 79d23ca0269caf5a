# SPDX-License-Identifier: Apache-2.0
"""The one table of scores: what each is called, means, and cannot see."""

import math
from typing import NamedTuple

NATS, SHARE, COUNT, SQUARED = "nats", "", "number", "codes^2"
UP, DOWN, NEITHER = "higher", "lower", ""


class Score(NamedTuple):
    """A number of a report.

    Attributes:
        name: Its name, unique.
        metric: Which metric of the suite gives it.
        key: Under which key of that metric.
        unit: 'nats', 'number', 'codes^2' or '' for a share or an accuracy.
        range: Smallest and largest value.
        direction: 'higher' or 'lower' is better; '' where neither is.
        definition: Whose: 'paper' (its author's; RTC-VAE's where it has one), 'study'
            (disentanglement_lib's), 'standalone' (InfoMEC's own file), 'plugin'.
        blind: What it cannot see.
    """

    name: str
    metric: str
    key: str
    unit: str
    range: tuple
    direction: str
    definition: str
    blind: str


_INF = float("inf")
_POSITIVE, _UNIT, _REAL = (0.0, _INF), (0.0, 1.0), (-_INF, _INF)
_LINEAR = "dependence without correlation"
_RANKS = "dependence without rank correlation"
_SPARSE = "what two of many latents share"
_PAIRS = "what no pair of latents shows"
_SINGLE = "what only several latents together tell"
_BINS = "anything within a bin; one outlier hides its latent"
_DISTRIBUTED = "whether a factor sits in one latent or in several"


def _table():
    # name, metric, key, unit, range, direction, definition, blind
    for key, definition, blind in (
        ("tc_mean", "paper", f"{_LINEAR}; the latents' scales"),
        ("tc_sample", "paper", f"{_LINEAR}; what noise hides"),
    ):
        yield key, "tc_disparity", key, NATS, _POSITIVE, DOWN, definition, blind
        yield (
            f"{key}_active",
            "tc_disparity",
            f"{key}_active",
            NATS,
            _POSITIVE,
            DOWN,
            "plugin",
            f"{_LINEAR}; passive latents",
        )
    yield (
        "tc_gap",
        "tc_disparity",
        "tc_gap",
        NATS,
        _REAL,
        NEITHER,
        "paper",
        "disentanglement: the gap is noise",
    )
    for key in ("num_active", "num_mixed", "num_passive", "num_dead"):
        yield (
            key,
            "tc_disparity",
            key,
            COUNT,
            _POSITIVE,
            NEITHER,
            "plugin",
            "what the latents tell of factors",
        )
    for quantity, low, blind in (
        ("copula", 0.0, _RANKS),
        ("knn", -_INF, _SPARSE),
        ("tree", 0.0, _PAIRS),
        ("lower_bound", 0.0, "dependence that neighbours and pairs both miss"),
        ("discriminator", -_INF, "what it cannot learn from the rows there are"),
    ):
        for part in ("mean", "sample"):
            key = f"{quantity}_{part}"
            metric = "tc_nongaussian"
            yield key, metric, key, NATS, (low, _INF), DOWN, "plugin", blind
    for law, blind in (("gaussian", _LINEAR), ("copula", _RANKS)):
        for quantity, low, direction in (
            ("dual_total_correlation", 0.0, DOWN),
            ("o_information", -_INF, NEITHER),
        ):
            for part in ("mean", "sample"):
                key, metric = f"{quantity}_{law}_{part}", "higher_order"
                yield key, metric, key, NATS, (low, _INF), direction, "plugin", blind
    for method, low, blind in (
        ("plug_in", 0.0, "what is not in the sample: high, up to log n"),
        ("miller_madow", -_INF, "what is not in the sample: high, up to log n"),
        ("james_stein", 0.0, "what is not in the sample: low"),
    ):
        name, key, metric = f"tc_discrete_{method}", f"tc_{method}", "discrete"
        yield name, metric, key, NATS, (low, _INF), DOWN, "plugin", blind
    key, blind = "coverage", "what the counts depend on"
    yield key, "discrete", key, SHARE, _UNIT, UP, "plugin", blind
    yield "mig_counted", "discrete", "mig_counted", SHARE, _UNIT, UP, "paper", _SINGLE
    for key, unit_range, direction, blind in (
        ("index_code_mi", _POSITIVE, NEITHER, "more than log n nats"),
        ("total_correlation", _REAL, DOWN, "the law behind the rows, if saturated"),
        ("dimension_wise_kl", _POSITIVE, NEITHER, "dependence of latents"),
        ("kl", _POSITIVE, NEITHER, "dependence of latents"),
    ):
        name = "tc_mixture" if key == "total_correlation" else key
        metric = "elbo_decomposition"
        yield name, metric, key, NATS, unit_range, direction, "paper", blind
    for key in ("mean_abs_invariance_gap", "population_code_mi"):
        direction = DOWN if "gap" in key else NEITHER
        metric, blind = "conditional_independence", "factors; dependences that cancel"
        yield key, metric, key, NATS, _POSITIVE, direction, "paper", blind
    metric = "unsupervised"
    for name, key, unit, blind in (
        ("gaussian_tc", "gaussian_total_correlation", NATS, _LINEAR),
        ("wasserstein", "gaussian_wasserstein_correlation", SQUARED, _LINEAR),
        ("wasserstein_norm", "gaussian_wasserstein_correlation_norm", SHARE, _LINEAR),
        ("mutual_info", "mutual_info_score", NATS, f"{_PAIRS}; {_BINS}"),
    ):
        yield name, metric, key, unit, _POSITIVE, DOWN, "study", blind
    yield "mig", "mig", "discrete_mig", SHARE, _UNIT, UP, "study", f"{_SINGLE}; {_BINS}"
    for key in ("mig_sup", "dcimig", "jemmig"):
        blind = f"{_SINGLE}; {_BINS}"
        yield key, "mig_variants", key, SHARE, _UNIT, UP, "paper", blind
    for name, metric, definition, blind in (
        ("sap", "sap_score", "study", f"{_SINGLE}; what no threshold tells apart"),
        (
            "sap_r2",
            "sap_continuous",
            "paper",
            f"{_SINGLE}; {_LINEAR}",
        ),
    ):
        yield name, metric, "SAP_score", SHARE, _UNIT, UP, definition, blind
    for key, blind in (
        ("disentanglement", "whether a factor is split over latents"),
        ("completeness", "whether a latent serves several factors"),
        ("informativeness_test", _DISTRIBUTED),
    ):
        yield f"dci_{key}", "dci", key, SHARE, _UNIT, UP, "study", blind
    metric = "modularity_explicitness"
    blind = "whether a factor is split over latents"
    yield "modularity", metric, "modularity_score", SHARE, _UNIT, UP, "study", blind
    key = "explicitness_score_test"
    yield "explicitness", metric, key, SHARE, _UNIT, UP, "study", _DISTRIBUTED
    yield "irs", "irs", "IRS", SHARE, _UNIT, UP, "study", "unused latents; rare values"
    for metric, definition in (
        ("infomec", "paper"),
        ("infomec_standalone", "standalone"),
    ):
        suffix = metric[len("infomec") :]
        for key, low, blind in (
            ("infom", 0.0, "latents of small range; 0 is not its floor"),
            ("infoe", -_INF, _DISTRIBUTED),
            ("infoc", 0.0, "latents of small range; 0 is not its floor"),
        ):
            name = f"{key}{suffix}"
            yield name, metric, key, SHARE, (low, 1.0), UP, definition, blind
    for key in ("disintegration", "r2_disintegration", "latent_sharing"):
        blind = _SINGLE if key != "r2_disintegration" else f"{_SINGLE}; {_LINEAR}"
        metric = "factor_disintegration"
        yield key, metric, key, SHARE, _UNIT, DOWN, "plugin", blind
    for predictor in ("boosted_trees", "logistic_regression"):
        for size in (10, 100, 1000, 10_000):
            yield (
                f"{predictor}_{size}",
                f"downstream_task_{predictor}",
                f"{size}:mean_test_accuracy",
                SHARE,
                _UNIT,
                UP,
                "study",
                _DISTRIBUTED,
            )
    for name, metric, blind in (
        ("beta_vae", "beta_vae_sklearn", _DISTRIBUTED),
        ("factor_vae", "factor_vae_metric", "whether a factor is split over latents"),
    ):
        yield name, metric, "eval_accuracy", SHARE, _UNIT, UP, "study", blind


SCORES = {row[0]: Score(*row) for row in _table()}


def format_number(value):
    """Returns a number as a table shows it: four digits, counts in full."""
    if value is None or math.isnan(value):
        return ""
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
