# SPDX-License-Identifier: Apache-2.0
"""The paper's claims, judged from a table of results.

Each claim is checked in cells, a data set and a strength of regularisation say, on all
models that fall into it. A cell holds if all its models meet the mark and fails if none
does; with fewer than three models, or in between, it is undecided. A claim holds if all
its cells do and fails as soon as one fails. Data sets that the paper does not name for
a claim are judged like those that it does. A model that has not learnt (see
`quantities.not_learnt`) is judged nowhere, one that lacks a number not where it is
needed, and the cell says so.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rtc_plugin.results import quantities as q

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
MIN_SEEDS = 3
# C4 is about strengths beyond this one. What has a strength further away than the
# factor is no reference.
_MODERATE = 10.0
_LARGEST_FACTOR = 2.0
# Of C6: more dependent pairs than this quantile are not chance.
_CHANCE = 0.99
# Standard deviation of the Gaussian TC of 10 independent latents at 5000 images, where
# the table does not say.
_NOISE = 0.00094


class Judgement(NamedTuple):
    """What a table says of a claim.

    Attributes:
        name: "C1" to "C8".
        claim: What the paper claims.
        mark: What counts as meeting it.
        verdict: `HOLDS`, `FAILS` or `UNDECIDED`.
        tally: How many models meet the mark, in a few words; '' where models are not
            judged one by one.
        numbers: The numbers behind the verdict, in a sentence or two.
        cells: DataFrame, a row per cell: what it is, its `verdict`, `models` (how many
            are judged), `meet` (how many meet the mark), the numbers, and `remark`: why
            it is undecided or a model is not judged.
    """

    name: str
    claim: str
    mark: str
    verdict: str
    tally: str
    numbers: str
    cells: pd.DataFrame


def judge(table):
    """Judges all claims.

    Args:
        table: DataFrame as `results_table.to_table` gives it.

    Returns:
        List of `Judgement`.
    """
    return judge_models(q.quantities(table))


def judge_models(models):
    """Does what `judge` does, from the rows that `quantities` makes of a table."""
    return [check(models) for check in _CHECKS]


def judge_active(models):
    """Judges C1, C2 and C3 on the total correlations of the active latents alone.

    Args:
        models: DataFrame as `quantities` gives it.

    Returns:
        List of `Judgement`.
    """
    active = models.assign(
        tc_mean=models["tc_mean_active"], tc_sample=models["tc_sample_active"]
    )
    return [check(active) for check in _CHECKS[:3]]


def _mean_exceeds_sample(models):
    rows = _of(models, ["factor_vae"], ["tc_mean", "tc_sample"])
    meets = rows["tc_mean"] > 2.0 * rows["tc_sample"]
    cells = _cells(rows, meets, ["dataset", "weight"], _pair)
    return _judgement(
        "C1",
        "FactorVAE: TC of means is far above TC of samples at every strength.",
        "TC_mean > 2 TC_sample",
        cells,
        _pair_sentence(_judged(rows), "FactorVAE"),
    )


def _no_disparity(models):
    rows = _of(models, ["rtc_vae"], ["tc_mean", "tc_sample"])
    noise = rows["tc_noise"].fillna(_NOISE)
    gap = rows["tc_mean"] - rows["tc_sample"]
    meets = gap < 0.05 * rows["tc_mean"] + 3.0 * noise
    cells = _cells(rows, meets, ["dataset", "weight"], _pair)
    return _judgement(
        "C2",
        "RTC-VAE: TC of means and TC of samples are nearly equal at every strength.",
        "TC_mean - TC_sample < 0.05 TC_mean + 3 standard deviations of its noise",
        cells,
        _pair_sentence(_judged(rows), "RTC-VAE")
        + " A penalty on the variance brings the gap down by algebra; whether TC_mean"
        " itself is low is C3.",
    )


def _lower_than_factor_vae(models):
    rows = _of(models, q.PAPER_MODELS, ["tc_mean"])
    reference = _judged(rows[rows["model"] == "factor_vae"])
    others = rows[rows["model"] != "factor_vae"]
    records = []
    for (dataset, model, weight), group in others.groupby(
        ["dataset", "model", "weight"]
    ):
        factor = _nearest(reference[reference["dataset"] == dataset], weight)
        judged = _judged(group)
        records.append(
            {
                "dataset": dataset,
                "model": q.label(model),
                "weight": weight,
                **_against(
                    np.less.outer(
                        2.0 * judged["tc_mean"].to_numpy(), factor["tc_mean"].to_numpy()
                    ),
                    group,
                    "there is no FactorVAE to judge by within a factor of "
                    f"{_LARGEST_FACTOR:g} of this strength",
                ),
                "reference strength": _first(factor["weight"]),
                "TC_mean": judged["tc_mean"].mean(),
                "FactorVAE TC_mean": factor["tc_mean"].mean(),
                "TC_mean, active": judged["tc_mean_active"].mean(),
                "FactorVAE TC_mean, active": factor["tc_mean_active"].mean(),
                "mean r": judged["signal_share_mean"].mean(),
            }
        )
    cells = _frame(records)
    pairs = [
        f"{cell['model']} at {cell['weight']:g} with FactorVAE at "
        f"{cell['reference strength']:g}"
        for cell in cells.to_dict("records")
        if abs(cell["reference strength"] - cell["weight"]) > 0
    ]
    return _judgement(
        "C3",
        "RTC-VAE and both DIP-VAEs have a TC of means far below FactorVAE's (dSprites "
        "and Cars3D in the paper).",
        "2 TC_mean < FactorVAE's TC_mean at the same strength, else the nearest within "
        f"a factor of {_LARGEST_FACTOR:g}",
        cells,
        _means_sentence(_judged(rows))
        + (f" Compared: {', '.join(dict.fromkeys(pairs))}." if pairs else ""),
        needed=("dip_vae_i", "dip_vae_ii", "rtc_vae"),
    )


def _reconstruction_suffers(models):
    rows = _of(models, ["rtc_vae"], ["reconstruction"])
    moderate = _judged(rows[rows["weight"] <= _MODERATE])
    records = []
    for (dataset, weight), group in rows[rows["weight"] > _MODERATE].groupby(
        ["dataset", "weight"]
    ):
        base = _nearest(moderate[moderate["dataset"] == dataset], _MODERATE)
        judged = _judged(group)
        records.append(
            {
                "dataset": dataset,
                "weight": weight,
                **_against(
                    np.greater.outer(
                        judged["reconstruction"].to_numpy(),
                        base["reconstruction"].to_numpy(),
                    ),
                    group,
                    f"there is no RTC-VAE to judge by at a beta of {_MODERATE:g}, nor "
                    f"down to {_MODERATE / _LARGEST_FACTOR:g}",
                ),
                "error": judged["reconstruction"].mean(),
                "reference strength": _first(base["weight"]),
                "reference error": base["reconstruction"].mean(),
            }
        )
    cells = _frame(records)
    sentence = ", ".join(
        f"{cell['dataset']} at beta {cell['weight']:g}: {cell['error']:.4g} against "
        f"{cell['reference error']:.4g} nats at beta {cell['reference strength']:g}"
        for cell in cells.to_dict("records")
        if cell["models"]
    )
    return _judgement(
        "C4",
        "RTC-VAE reconstructs worse for beta > 10 (dSprites and Cars3D in the paper).",
        "every seed's reconstruction error is above that of every seed at beta = 10, "
        f"else the largest beta from {_MODERATE / _LARGEST_FACTOR:g} on",
        cells,
        f"Reconstruction error: {sentence}." if sentence else "",
    )


def _no_strong_correlation(models):
    rows = _of(models, q.PAPER_MODELS, ["tc_mean", "sap"])
    records = []
    for dataset, everyone in rows.groupby("dataset"):
        group = _judged(everyone)
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
                "remark": "; ".join(_not_judged(everyone)),
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


def _uncorrelated_is_not_independent(models):
    needed = ["excess_sample", "dependent_pairs", "num_pairs", "num_permutations"]
    rows = _of(models, ["dip_vae_i", "dip_vae_ii", "rtc_vae"], needed)
    # Pairs count as dependent at the smallest p-value that the permutations allow.
    level = 1.0 / (1.0 + rows["num_permutations"])
    chance = stats.binom.ppf(_CHANCE, rows["num_pairs"], level)
    rows = rows.assign(chance=chance)
    error = rows["excess_sample_stderr"].fillna(0.0)
    meets = (rows["dependent_pairs"] <= chance).where(
        rows["model"] == "rtc_vae",
        (rows["excess_sample"] > 0.5 * rows["lower_bound_sample"])
        & (rows["excess_sample"] > 3.0 * error)
        & (rows["dependent_pairs"] > chance),
    )

    def numbers(group):
        return {
            "Gaussian TC_sample": group["gaussian_sample"].mean(),
            "lower bound on TC_sample": group["lower_bound_sample"].mean(),
            "dependent pairs": group["dependent_pairs"].mean(),
            "by chance, at most": group["chance"].mean(),
            "of pairs": group["num_pairs"].mean(),
            "TC_sample, active": group["tc_sample_active"].mean(),
            "mean r": group["signal_share_mean"].mean(),
        }

    cells = _cells(rows, meets, ["dataset", "model", "weight"], numbers)
    judged = _judged(rows)
    sentence = ", ".join(
        f"{q.label(model)} {group['gaussian_sample'].mean():.2f} and "
        f"{group['lower_bound_sample'].mean():.2f} nats, "
        f"{group['dependent_pairs'].mean():.0f} of {group['num_pairs'].mean():.0f} "
        f"pairs dependent, {group['chance'].max():.0f} by chance at most"
        for model, group in judged.groupby("model")
    )
    bound = (
        "the lower bound, the larger of what neighbours and the tree of pairs find"
        if judged["tree_sample"].notna().any()
        else "by neighbours, which miss sparse dependence among many latents"
    )
    return _judgement(
        "C6",
        "DIP-VAEs' latents are uncorrelated but dependent, RTC-VAE's independent.",
        "DIP-VAE: most of the lower bound on the TC is beyond the Gaussian one, and "
        "more pairs of means are dependent than chance gives; RTC-VAE: no more than "
        f"chance gives ({_CHANCE} quantile at the level of the test that was run)",
        cells,
        f"TC of samples, Gaussian and {bound}: {sentence}." if sentence else "",
        needed=("dip_vae_i", "dip_vae_ii", "rtc_vae"),
    )


def _a_factor_is_disintegrated(models):
    rows = _of(
        models,
        ["rtc_vae"],
        ["disintegration", "disintegration_per_factor", "top2_nmi_scores"],
    )
    rows = rows[rows["dataset"].str.startswith("shapes3d")]
    split = pd.Series(0, rows.index)
    for index, row in _judged(rows).iterrows():
        is_split = (row["disintegration_per_factor"] >= 1 / 3) & (
            row["top2_nmi_scores"][:, -1] >= 0.1
        )
        split[index] = np.count_nonzero(is_split)
    rows = rows.assign(split=split)

    def numbers(group):
        return {
            "factors split, mean": group["split"].mean(),
            "largest index": max(
                (np.nanmax(v) for v in group["disintegration_per_factor"]), default=0.0
            ),
            "active latents": group["num_active"].mean(),
        }

    cells = _cells(rows, rows["split"] > 0, ["dataset"], numbers)
    sentence = ", ".join(
        f"{cell['dataset']}: {cell['meet']} of {cell['models']} models split a factor, "
        f"{cell['factors split, mean']:.1f} factors on average"
        for cell in cells.to_dict("records")
        if cell["models"]
    )
    return _judgement(
        "C7",
        "RTC-VAE disintegrates at least one factor of Shapes3D.",
        "a factor with a disintegration index of 1/3 or more whose second latent still "
        "tells a tenth of it (normalised mutual information)",
        cells,
        f"{sentence}." if sentence else "",
    )


def _information_finds_more(models):
    rows = _of(
        models, ["rtc_vae", "dip_vae_i"], ["disintegration", "r2_disintegration"]
    )
    rows = rows[rows["dataset"].str.startswith("shapes3d")]
    records = []
    for dataset, everyone in rows.groupby("dataset"):
        group = _judged(everyone)
        difference = group["disintegration"] - group["r2_disintegration"]
        low, high = mean_interval(difference)
        verdict = UNDECIDED
        if len(group) >= MIN_SEEDS and (low > 0 or high < 0):
            verdict = HOLDS if low > 0 else FAILS
        records.append(
            {
                "dataset": dataset,
                "verdict": verdict,
                "models": len(group),
                "more by information": int((difference > 0).sum()),
                "by information": group["disintegration"].mean(),
                "by R2": group["r2_disintegration"].mean(),
                "difference from": low,
                "to": high,
                "remark": "; ".join(_not_judged(everyone)),
            }
        )
    cells = _frame(records)
    sentence = ", ".join(
        f"{cell['dataset']}: {cell['by information']:.3f} by information and "
        f"{cell['by R2']:.3f} by R2, difference [{cell['difference from']:.3f}, "
        f"{cell['to']:.3f}] over {cell['models']} models"
        for cell in cells.to_dict("records")
        if cell["models"]
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
    """Returns the models that a claim is about.

    Args:
        models: Rows of `quantities`.
        names: Names of the models.
        needed: Columns without which a model cannot be judged.

    Returns:
        Rows with the column `why_not`: why the model is not judged, '' if it is.
    """
    rows = models[models["model"].isin(names)].copy()
    lacks = rows[list(needed)].isna()
    reasons = [
        _why_not(row, [name for name in needed if lacks.at[index, name]])
        for index, row in rows.iterrows()
    ]
    rows["why_not"] = pd.Series(reasons, rows.index, dtype=object)
    return rows


def _why_not(row, lacking):
    if row["not_learnt"]:
        return "not learnt"
    if not lacking:
        return ""
    if lacking[0].startswith("tc_") and row["num_active"] < 2:
        return "fewer than two active latents"
    return f"the table has no {lacking[0]}"


def _judged(rows):
    return rows[rows["why_not"] == ""]


def _not_judged(rows):
    """Returns a phrase for each reason why some of a cell's models are not judged."""
    counts = rows["why_not"].value_counts(sort=False)
    return [f"{n} not judged: {why}" for why, n in counts.items() if why]


def _cells(rows, meets, keys, numbers):
    """Judges groups of models.

    Args:
        rows: The models, with the column `why_not`.
        meets: Series of booleans, whether each meets the mark; of those that are not
            judged it does not matter.
        keys: Columns that make a cell.
        numbers: Function of the judged rows of a cell, to a dictionary of what to
            report.
    """
    records = []
    for key, group in rows.groupby(keys):
        record = dict(zip(keys, key if isinstance(key, tuple) else (key,)))
        if "model" in record:
            record["model"] = q.label(record["model"])
        judged = _judged(group)
        met = meets.loc[judged.index].to_numpy(bool)[:, None]
        records.append({**record, **_against(met, group), **numbers(judged)})
    return _frame(records)


def _against(meets, group, no_reference=""):
    """Sums up a cell.

    Args:
        meets: [num_judged, num_references] booleans: whether each judged model meets
            the mark against each reference; one column where the mark is a number.
        group: The cell's models, judged or not.
        no_reference: What to say if there is no reference; '' where none is needed.

    Returns:
        Dictionary of verdict, models, meet and remark.
    """
    num_models, num_references = meets.shape
    num_seeds = min(meets.shape) if no_reference else num_models
    verdict, remarks = UNDECIDED, _not_judged(group)
    if not num_references:
        num_models = 0
        remarks.append(no_reference)
    elif num_seeds >= MIN_SEEDS:
        verdict = {1.0: HOLDS, 0.0: FAILS}.get(float(meets.mean()), UNDECIDED)
        remarks += ["the models disagree"] if verdict == UNDECIDED else []
    elif num_models:
        remarks.append(f"{num_seeds} of the {MIN_SEEDS} seeds needed")
    return {
        "verdict": verdict,
        "models": num_models,
        "meet": int(meets.all(axis=1).sum()) if num_models else 0,
        "remark": "; ".join(remarks),
    }


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
    elif not cells["models"].any():
        reasons = "; ".join(dict.fromkeys(cells["remark"]))
        verdict, numbers = UNDECIDED, f"No model can be judged ({reasons})."
    else:
        verdict = HOLDS if verdicts == {HOLDS} else UNDECIDED
    return Judgement(name, claim, mark, verdict, _tally(cells), numbers, cells)


def _tally(cells):
    """Says how many models meet the mark, and what they are too few for."""
    if "meet" not in cells:
        return ""
    meet, judged = cells["meet"].sum(), cells["models"].sum()
    if not judged:
        return "no model judged"
    if cells["models"].between(1, MIN_SEEDS - 1).any():
        return f"{meet} of {judged} so far; {MIN_SEEDS} per cell needed"
    split = (cells["verdict"] == UNDECIDED) & (cells["models"] > 0)
    disagree = "; within a cell they disagree" if split.any() else ""
    return f"{meet} of {judged} models meet the mark{disagree}"


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
    """Returns the rows of the strength next to a given one: grids differ by model.

    None of them if it is further away than a factor of `_LARGEST_FACTOR`.
    """
    if (rows["weight"] == weight).any():
        return rows[rows["weight"] == weight]
    rows = rows[(rows["weight"] > 0) & (weight > 0)]
    distance = np.abs(np.log(rows["weight"] / weight))
    # Rounding must not rule out a factor of exactly two.
    is_near = distance <= np.log(_LARGEST_FACTOR) + 1e-9
    return rows[is_near & (distance == distance.min())]


def _first(weights):
    return weights.iloc[0] if len(weights) else math.nan
