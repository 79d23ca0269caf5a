# SPDX-License-Identifier: Apache-2.0
"""The paper's claims about the estimators, each checked against the study's rows.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (appendix 1: the four
    observations of 1.3, eqs. 11 and 12)
"""

import numpy as np
import pandas as pd

ACCURATE = 0.5  # nats; what observation 2 may be off by and still be called accurate
LOW = 1.0  # nats; observation 3 speaks of a small total correlation
CLOSE = 0.05  # relative; how near a formula must be to be called right


def summarise(results):
    """Returns a Markdown text: holds, fails, or holds only where, for each claim.

    Args:
        results: Rows of any studies, columns `cells.COLUMNS`.
    """
    fixed = results[results["study"].isin(["figure2", "dimension", "batch"])]
    limits = results[results["study"].isin(["sigma", "shutdown"])]
    lines = ["# What the paper says of the estimators, and what the study finds", ""]
    for claim, verdict in (
        ("Observation 1: MWS tends to underestimate", _mws(fixed)),
        ("Observation 1, without the constants of eq. 7 (raw)", _raw(fixed)),
        (
            "Observation 2: for D < 4, MSS0 and MSS1 are accurate "
            f"(|error| < {ACCURATE})",
            _accurate(fixed),
        ),
        (
            "Observation 3: for D >= 4, MSS0 and MSS1 overestimate a small TC "
            f"(<= {LOW})",
            _overestimate(fixed),
        ),
        ("Observation 4: MSS1 is closer to the truth than MSS0", _closer(fixed)),
        (
            "Eq. 11: with independent latents the estimate is (D-1) log B",
            _formula(limits[limits["target"] == 0]),
        ),
        (
            "Eq. 12: with S latents shut and two or more left it is (D-S-1) log B",
            _formula(
                limits[(limits["target"] > 0) & (limits["dim"] > limits["target"] + 1)]
            ),
        ),
    ):
        lines += [f"- **{claim}**: {verdict}"]
    budget = results[results["estimator"] == "density_ratio"]
    budget = budget[budget["tc_sample_true"] > 0]
    if len(budget):
        error = (budget["mean"] - budget["tc_sample_true"]).abs()
        hardest = budget["tc_sample_true"][error.idxmax()]
        lines += [
            "",
            "The density ratio's discriminator saw fresh samples at every step; on "
            f"{len(budget)} dependent populations its median error is "
            f"{error.median():.3f} nats, its largest {error.max():.2f} "
            f"(where the truth is {hardest:.2f}), after "
            f"{budget['seconds'].median():.1f} s of training (median).",
        ]
    return "\n".join(lines) + "\n"


def _mws(results):
    return _verdict(_signed(results, ["mws"], lambda e, t: e < t), "dim")


def _raw(results):
    return _verdict(_signed(results, ["raw"], lambda e, t: e <= t), "dim")


def _accurate(results):
    cells = results[results["dim"] < 4]
    return _verdict(
        _signed(cells, ["mss0", "mss1"], lambda e, t: abs(e - t) < ACCURATE),
        ["estimator", "dim"],
    )


def _overestimate(results):
    cells = results[(results["dim"] >= 4) & (results["tc_sample_true"] <= LOW)]
    return _verdict(
        _signed(cells, ["mss0", "mss1"], lambda e, t: e > t), ["estimator", "dim"]
    )


def _closer(results):
    chosen = results[results["estimator"].isin(["mss0", "mss1"])]
    index = [
        "study",
        "structure",
        "dim",
        "batch_size",
        "dataset_size",
        "sigma",
        "target",
    ]
    error = (chosen["mean"] - chosen["tc_sample_true"]).abs()
    table = chosen.assign(error=error).pivot_table("error", index, "estimator")
    if table.empty or table.shape[1] < 2:
        return _verdict(pd.DataFrame(), "dim")
    table = table.dropna().reset_index()
    return _verdict(table.assign(holds=table["mss1"] < table["mss0"]), "dim")


def _formula(results):
    chosen = results[results["estimator"].isin(["naive", "mss0"])]
    live = chosen["dim"] - chosen["target"]
    formula = (live - 1) * np.log(chosen["batch_size"])
    chosen = chosen.assign(
        holds=(chosen["mean"] - formula).abs() <= CLOSE * formula + ACCURATE / 10
    )
    return _verdict(chosen, "sigma")


def _signed(results, estimators, condition):
    chosen = results[results["estimator"].isin(estimators)]
    return chosen.assign(holds=condition(chosen["mean"], chosen["tc_sample_true"]))


def _verdict(cells, by):
    """Returns holds, fails, or where it holds: all, none or some of the cells."""
    if cells.empty:
        return "not tested; run the studies that have it."
    count = f"{int(cells['holds'].sum())} of {len(cells)} cells"
    if cells["holds"].all():
        return f"holds ({count})."
    if not cells["holds"].any():
        return f"fails ({count})."
    groups = cells.groupby(by)["holds"].agg(["sum", "count"])
    by = [by] if isinstance(by, str) else by
    where = []
    for values, row in groups.iterrows():
        values = values if isinstance(values, tuple) else (values,)
        name = " ".join(
            f"{v}" if n == "estimator" else f"{n} {v:g}" for n, v in zip(by, values)
        )
        where.append(f"{name}: {int(row['sum'])}/{int(row['count'])}")
    return f"holds only where ({count}): {', '.join(where)}."
