# SPDX-License-Identifier: Apache-2.0
"""The paper's claims, judged from a table of results.

Each claim is checked in cells, a data set and a strength of regularisation say, on all
models that fall into it. A cell holds if all its models meet the mark and fails if none
does; with fewer than three models, or in between, it is undecided. A claim holds if all
its cells do and fails as soon as one fails. Data sets that the paper does not name for
a claim are judged like those that it does.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rtc_plugin.studies import quantities as q

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
MIN_SEEDS = 3
# Standard deviation of the Gaussian TC of 10 independent latents at 5000 images, where
# the table does not say.
_NOISE = 0.00094
# The dependence of two latents is tested at this level or a stricter one.
_LEVEL = 0.05


class Judgement(NamedTuple):
    """What a table says of a claim.

    Attributes:
        name: "C1" to "C8".
        claim: What the paper claims.
        mark: What counts as meeting it.
        verdict: `HOLDS`, `FAILS` or `UNDECIDED`.
        numbers: The numbers behind the verdict, in a sentence or two.
        cells: DataFrame, a row per cell: what it is, its `verdict`, `models` (how many
            there are), `meet` (how many meet the mark) and the numbers.
    """

    name: str
    claim: str
    mark: str
    verdict: str
    numbers: str
    cells: pd.DataFrame


def judge(table, min_seeds=MIN_SEEDS):
    """Judges all claims.

    Args:
        table: DataFrame as `results_table.to_table` gives it.
        min_seeds: Models that a cell needs.

    Returns:
        List of `Judgement`.
    """
    return judge_models(q.quantities(table), min_seeds)


def judge_models(models, min_seeds=MIN_SEEDS):
    """Does what `judge` does, from the rows that `quantities` makes of a table."""
    return [check(models, min_seeds) for check in _CHECKS]


def _mean_exceeds_sample(models, min_seeds):
    rows = _of(models, ["factor_vae"], ["tc_mean", "tc_sample"])
    meets = rows["tc_mean"] > 2.0 * rows["tc_sample"]
    cells = _cells(rows, meets, ["dataset", "weight"], min_seeds, _pair)
    return _judgement(
        "C1",
        "FactorVAE: TC of means is far above TC of samples at every strength.",
        "TC_mean > 2 TC_sample",
        cells,
        _pair_sentence(rows, "FactorVAE"),
    )


def _no_disparity(models, min_seeds):
    rows = _of(models, ["rtc_vae"], ["tc_mean", "tc_sample"])
    noise = rows["tc_noise"].fillna(_NOISE)
    gap = rows["tc_mean"] - rows["tc_sample"]
    meets = gap < 0.05 * rows["tc_mean"] + 3.0 * noise
    cells = _cells(rows, meets, ["dataset", "weight"], min_seeds, _pair)
    return _judgement(
        "C2",
        "RTC-VAE: TC of means and TC of samples are nearly equal at every strength.",
        "TC_mean - TC_sample < 0.05 TC_mean + 3 standard deviations of its noise",
        cells,
        _pair_sentence(rows, "RTC-VAE")
        + " A penalty on the variance brings the gap down by algebra; whether TC_mean"
        " itself is low is C3.",
    )


def _lower_than_factor_vae(models, min_seeds):
    rows = _of(models, q.PAPER_MODELS, ["tc_mean"])
    reference = rows[rows["model"] == "factor_vae"]
    others = rows[rows["model"] != "factor_vae"]
    records = []
    for (dataset, model, weight), group in others.groupby(
        ["dataset", "model", "weight"]
    ):
        factor = _nearest(reference[reference["dataset"] == dataset], weight)
        # Every seed of the one against every seed of the other.
        below = (
            2.0 * group["tc_mean"].to_numpy()[:, None] < factor["tc_mean"].to_numpy()
        )
        few = min(len(group), len(factor))
        active = factor["tc_mean_active"]
        records.append(
            {
                "dataset": dataset,
                "model": q.label(model),
                "weight": weight,
                "verdict": _verdict(below.mean() if below.size else 0, few, min_seeds),
                "models": len(group),
                "meet": int(below.all(axis=1).sum()) if below.size else 0,
                "TC_mean": group["tc_mean"].mean(),
                "FactorVAE TC_mean": factor["tc_mean"].mean(),
                "TC_mean, active": group["tc_mean_active"].mean(),
                "FactorVAE TC_mean, active": active.mean(),
                "mean r": group["signal_share_mean"].mean(),
            }
        )
    cells = _frame(records)
    return _judgement(
        "C3",
        "RTC-VAE and both DIP-VAEs have a TC of means far below FactorVAE's (dSprites "
        "and Cars3D in the paper).",
        "2 TC_mean < FactorVAE's TC_mean at the same or the nearest strength",
        cells,
        _means_sentence(rows),
        needed=("dip_vae_i", "dip_vae_ii", "rtc_vae"),
    )


def _reconstruction_suffers(models, min_seeds):
    rows = _of(models, ["rtc_vae"], ["reconstruction"])
    records = []
    for dataset, group in rows.groupby("dataset"):
        base = group[group["weight"] <= 10.0]
        base = base[base["weight"] == base["weight"].max()]
        for weight, strong in group[group["weight"] > 10.0].groupby("weight"):
            worse = (
                strong["reconstruction"].to_numpy()[:, None]
                > base["reconstruction"].to_numpy()
            )
            few = min(len(strong), len(base))
            records.append(
                {
                    "dataset": dataset,
                    "weight": weight,
                    "verdict": _verdict(
                        worse.mean() if worse.size else 0, few, min_seeds
                    ),
                    "models": len(strong),
                    "meet": int(worse.all(axis=1).sum()) if worse.size else 0,
                    "error": strong["reconstruction"].mean(),
                    "error at beta 10": base["reconstruction"].mean(),
                }
            )
    cells = _frame(records)
    sentence = ", ".join(
        f"{cell['dataset']} at beta {cell['weight']:g}: {cell['error']:.4g} against "
        f"{cell['error at beta 10']:.4g} nats at beta 10"
        for cell in cells.to_dict("records")
    )
    return _judgement(
        "C4",
        "RTC-VAE reconstructs worse for beta > 10 (dSprites and Cars3D in the paper).",
        "every seed's reconstruction error is above that of every seed at beta = 10",
        cells,
        f"Reconstruction error: {sentence}." if sentence else "",
    )


def _no_strong_correlation(models, min_seeds):
    rows = _of(models, q.PAPER_MODELS, ["tc_mean", "sap"])
    records = []
    for dataset, group in rows.groupby("dataset"):
        low, rho, high = rank_correlation(group["tc_mean"], group["sap"])
        _, active, _ = rank_correlation(group["tc_mean_active"], group["sap"])
        if len(group) < 4 or group["model"].nunique() < 2:
            verdict = UNDECIDED
        elif -0.7 < low and high < 0.7:
            verdict = HOLDS
        else:
            verdict = FAILS if low > 0.7 or high < -0.7 else UNDECIDED
        records.append(
            {
                "dataset": dataset,
                "verdict": verdict,
                "models": len(group),
                "rank correlation": rho,
                "from": low,
                "to": high,
                "with TC_mean, active": active,
            }
        )
    cells = _frame(records)
    sentence = ", ".join(
        f"{cell['dataset']}: {cell['rank correlation']:.2f} [{cell['from']:.2f}, "
        f"{cell['to']:.2f}] over {cell['models']} models, with active latents alone "
        f"{cell['with TC_mean, active']:.2f}"
        if cell["models"] > 3
        else f"{cell['dataset']}: too few models, {cell['models']}"
        for cell in cells.to_dict("records")
    )
    return _judgement(
        "C5",
        "TC of means and SAP are not strongly correlated.",
        "the 95 % interval of Spearman's rank correlation over the four models of the "
        "paper lies within -0.7 and 0.7",
        cells,
        f"Rank correlation: {sentence}." if sentence else "",
    )


def _uncorrelated_is_not_independent(models, min_seeds):
    needed = ["knn_sample", "gaussian_sample", "dependent_pairs", "num_pairs"]
    dip = _of(models, ["dip_vae_i", "dip_vae_ii"], needed)
    rtc = _of(models, ["rtc_vae"], needed)
    chance = stats.binom.ppf(0.99, rtc["num_pairs"].astype(int), _LEVEL)
    dip_meets = (
        (dip["gaussian_sample"] < 0.5 * dip["knn_sample"])
        & (dip["knn_excess_sample"] > 3.0 * dip["knn_excess_sample_stderr"].fillna(0.0))
        & (
            dip["dependent_pairs"]
            > stats.binom.ppf(0.99, dip["num_pairs"].astype(int), _LEVEL)
        )
    )
    rtc_meets = rtc["dependent_pairs"] <= chance
    rows = pd.concat([dip, rtc])
    meets = pd.concat([dip_meets, rtc_meets]).astype(bool)

    def numbers(group):
        return {
            "Gaussian TC_sample": group["gaussian_sample"].mean(),
            "neighbours' TC_sample": group["knn_sample"].mean(),
            "dependent pairs": group["dependent_pairs"].mean(),
            "of pairs": group["num_pairs"].mean(),
            "TC_sample, active": group["tc_sample_active"].mean(),
            "mean r": group["signal_share_mean"].mean(),
        }

    cells = _cells(rows, meets, ["dataset", "model", "weight"], min_seeds, numbers)
    sentence = ", ".join(
        f"{q.label(model)} {group['gaussian_sample'].mean():.2f} and "
        f"{group['knn_sample'].mean():.2f} nats, {group['dependent_pairs'].mean():.0f} "
        f"of {group['num_pairs'].mean():.0f} pairs dependent"
        for model, group in rows.groupby("model")
    )
    return _judgement(
        "C6",
        "DIP-VAEs' latents are uncorrelated but dependent, RTC-VAE's independent.",
        "DIP-VAE: most of the TC that neighbours find is beyond the Gaussian one, and "
        "more pairs of means are dependent than chance gives; RTC-VAE: no more than "
        "chance gives (0.99 quantile at a level of 0.05)",
        cells,
        f"TC of samples, Gaussian and by neighbours: {sentence}." if sentence else "",
        needed=("dip_vae_i", "dip_vae_ii", "rtc_vae"),
    )


def _a_factor_is_disintegrated(models, min_seeds):
    rows = _of(models, ["rtc_vae"], ["disintegration"])
    rows = rows[rows["dataset"].str.startswith("shapes3d")]
    rows = rows[rows["disintegration_per_factor"].notna()]
    rows = rows[rows["top2_nmi_scores"].notna()]
    split = [
        int(
            np.count_nonzero(
                (row["disintegration_per_factor"] >= 1 / 3)
                & (row["top2_nmi_scores"][:, -1] >= 0.1)
            )
        )
        for row in rows.to_dict("records")
    ]
    rows = rows.assign(split=split)

    def numbers(group):
        return {
            "factors split, mean": group["split"].mean(),
            "largest index": max(
                (np.nanmax(v) for v in group["disintegration_per_factor"]), default=0.0
            ),
            "active latents": group["num_active"].mean(),
        }

    cells = _cells(rows, rows["split"] > 0, ["dataset"], min_seeds, numbers)
    sentence = ", ".join(
        f"{cell['dataset']}: {cell['meet']} of {cell['models']} models split a factor, "
        f"{cell['factors split, mean']:.1f} factors on average"
        for cell in cells.to_dict("records")
    )
    return _judgement(
        "C7",
        "RTC-VAE disintegrates at least one factor of Shapes3D.",
        "a factor with a disintegration index of 1/3 or more whose second latent still "
        "tells a tenth of it (normalised mutual information)",
        cells,
        f"{sentence}." if sentence else "",
    )


def _information_finds_more(models, min_seeds):
    rows = _of(
        models, ["rtc_vae", "dip_vae_i"], ["disintegration", "r2_disintegration"]
    )
    rows = rows[rows["dataset"].str.startswith("shapes3d")]
    records = []
    for dataset, group in rows.groupby("dataset"):
        difference = group["disintegration"] - group["r2_disintegration"]
        low, high = mean_interval(difference)
        verdict = UNDECIDED
        if len(group) >= min_seeds and (low > 0 or high < 0):
            verdict = HOLDS if low > 0 else FAILS
        records.append(
            {
                "dataset": dataset,
                "verdict": verdict,
                "models": len(group),
                "meet": int((difference > 0).sum()),
                "by information": group["disintegration"].mean(),
                "by R2": group["r2_disintegration"].mean(),
                "difference from": low,
                "to": high,
            }
        )
    cells = _frame(records)
    sentence = ", ".join(
        f"{cell['dataset']}: {cell['by information']:.3f} by information and "
        f"{cell['by R2']:.3f} by R2, difference [{cell['difference from']:.3f}, "
        f"{cell['to']:.3f}] over {cell['models']} models"
        for cell in cells.to_dict("records")
    )
    return _judgement(
        "C8",
        "Mutual information finds more disintegration than R2 (RTC-VAE and DIP-VAE-I "
        "on Shapes3D).",
        "the 95 % interval of the mean difference of the two indices lies above 0",
        cells,
        f"{sentence}." if sentence else "",
    )


_CHECKS = (
    _mean_exceeds_sample,
    _no_disparity,
    _lower_than_factor_vae,
    _reconstruction_suffers,
    _no_strong_correlation,
    _uncorrelated_is_not_independent,
    _a_factor_is_disintegrated,
    _information_finds_more,
)


def rank_correlation(x, y):
    """Returns Spearman's rank correlation between the ends of its 95 % interval.

    The interval is Fisher's with the variance 1.06 / (n - 3) of Fieller et al. (1957).

    Args:
        x: Numbers; those that are NaN here or in y do not count.
        y: As many numbers.

    Returns:
        Low end, correlation, high end; NaN, NaN, NaN for fewer than 4 pairs or a
        constant.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[both], y[both]
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan, math.nan, math.nan
    rho = float(stats.spearmanr(x, y)[0])
    center = math.atanh(np.clip(rho, -0.999999, 0.999999))
    reach = 1.96 * math.sqrt(1.06 / (len(x) - 3))
    return math.tanh(center - reach), rho, math.tanh(center + reach)


def mean_interval(values):
    """Returns the 95 % interval of a mean, by Student's t; NaN for fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return math.nan, math.nan
    reach = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean() - reach, values.mean() + reach


def _of(models, names, needed):
    rows = models[models["model"].isin(names)]
    return rows[rows[list(needed)].notna().all(axis=1)]


def _cells(rows, meets, keys, min_seeds, numbers):
    """Judges groups of models.

    Args:
        rows: The models.
        meets: Series of booleans, whether each meets the mark.
        keys: Columns that make a cell.
        min_seeds: Models that a cell needs.
        numbers: Function of a cell's rows, to a dictionary of what to report.
    """
    records = []
    for key, group in rows.groupby(keys):
        key = key if isinstance(key, tuple) else (key,)
        met = meets.loc[group.index]
        record = dict(zip(keys, key))
        if "model" in record:
            record["model"] = q.label(record["model"])
        records.append(
            {
                **record,
                "verdict": _verdict(met.mean(), len(group), min_seeds),
                "models": len(group),
                "meet": int(met.sum()),
                **numbers(group),
            }
        )
    return _frame(records)


def _verdict(share, num_models, min_seeds):
    if num_models < min_seeds:
        return UNDECIDED
    return {1.0: HOLDS, 0.0: FAILS}.get(float(share), UNDECIDED)


def _frame(records):
    return pd.DataFrame(records) if records else pd.DataFrame(columns=["verdict"])


def _judgement(name, claim, mark, cells, numbers, needed=()):
    """Sums cells up; a claim about `needed` models does not hold without them."""
    verdicts = set(cells["verdict"])
    if verdicts and not {q.label(model) for model in needed} <= set(
        cells.get("model", ())
    ):
        verdicts.add(UNDECIDED)
    if not verdicts:
        verdict, numbers = UNDECIDED, "No model of the table bears on it."
    elif FAILS in verdicts:
        verdict = FAILS
    else:
        verdict = HOLDS if verdicts == {HOLDS} else UNDECIDED
    if verdict == UNDECIDED and "meet" in cells:
        numbers += (
            f" {int(cells['meet'].sum())} of {int(cells['models'].sum())} models meet "
            "the mark."
        )
    return Judgement(name, claim, mark, verdict, numbers, cells)


def _pair(group):
    """The two total correlations, never without active latents and signal shares."""
    return {
        "TC_mean": group["tc_mean"].mean(),
        "TC_sample": group["tc_sample"].mean(),
        "TC_mean, active": group["tc_mean_active"].mean(),
        "TC_sample, active": group["tc_sample_active"].mean(),
        "active latents": group["num_active"].mean(),
        "mean r": group["signal_share_mean"].mean(),
        "smallest r": group["signal_share_min"].min(),
    }


def _pair_sentence(rows, name):
    if rows.empty:
        return ""
    pair = _pair(rows)
    return (
        f"{name}, mean over {len(rows)} models: TC_mean {pair['TC_mean']:.3f}, "
        f"TC_sample {pair['TC_sample']:.3f} nats; on the "
        f"{pair['active latents']:.1f} active latents alone "
        f"{pair['TC_mean, active']:.3f} and {pair['TC_sample, active']:.3f}; signal "
        f"shares r {pair['mean r']:.2f} on average, {pair['smallest r']:.2f} at least."
    )


def _means_sentence(rows):
    if rows.empty:
        return ""
    parts = [
        f"{q.label(model)} {group['tc_mean'].mean():.3f} (active latents "
        f"{group['tc_mean_active'].mean():.3f}, mean r "
        f"{group['signal_share_mean'].mean():.2f})"
        for model, group in ((m, rows[rows["model"] == m]) for m in q.PAPER_MODELS)
        if len(group)
    ]
    return f"TC_mean in nats: {', '.join(parts)}."


def _nearest(rows, weight):
    """Returns the rows of the strength next to a given one: grids differ by model."""
    if rows.empty:
        return rows
    distance = np.abs(np.log(rows["weight"] / weight))
    return rows[distance == distance.min()]
