# SPDX-License-Identifier: Apache-2.0
"""Own runs against the zoo's: by data set and score, with ranks and intervals."""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute
import pyarrow.parquet

from rtc_plugin.errors import UserError
from rtc_plugin.results import models as models_lib
from rtc_plugin.results import quantities as labels
from rtc_plugin.results import statistics
from rtc_plugin.results import table as results_table
from rtc_plugin.results.pitfalls import OWN, ZOO


class Quantity(NamedTuple):
    """A score that is compared.

    Attributes:
        label: What the page calls it.
        metric: Part of the metric's name, '' for any.
        score: Key of the result.
        higher_is_better: Its direction.
    """

    label: str
    metric: str
    score: str
    higher_is_better: bool = True


# In the order of the study's figures; then the total correlations.
QUANTITIES = (
    Quantity("BetaVAE score", "beta_vae", "eval_accuracy"),
    Quantity("FactorVAE score", "factor_vae", "eval_accuracy"),
    Quantity("MIG", "mig", "discrete_mig"),
    Quantity("DCI disentanglement", "dci", "disentanglement"),
    Quantity("modularity", "modularity", "modularity_score"),
    Quantity("SAP", "sap", "SAP_score"),
    Quantity("boosted trees, N=1000", "boosted", "1000:mean_test_accuracy"),
    Quantity("logistic regression, N=1000", "logistic", "1000:mean_test_accuracy"),
    Quantity("Gaussian TC", "unsupervised", "gaussian_total_correlation", False),
    Quantity("TC of means", "", "tc_mean", False),
    Quantity("TC of samples", "", "tc_sample", False),
    Quantity("TC of means, active latents", "", "tc_mean_active", False),
    Quantity("non-Gaussian TC of samples (kNN)", "", "knn_sample", False),
    Quantity("non-Gaussian TC of samples (tree)", "", "tree_sample", False),
    Quantity("TC of samples, lower bound", "", "lower_bound_sample", False),
    Quantity("TC of the exact mixture", "", "total_correlation", False),
    Quantity("disintegration", "", "disintegration", False),
)
# What tells one model from another.
_MODEL = [
    "role",
    "origin",
    "folder",
    "model_num",
    "dataset",
    "model",
    "strength",
    "seed",
]
# What the pitfalls look at.
_TRAINING = [
    "strength_name",
    "training_steps",
    "batch_size",
    "num_latent",
    "eta",
    "train_config.encoder.encoder_fn",
    "train_config.annealed_vae.iteration_threshold",
    "train_config.correlated_gaussian.rho",
    "train_config.correlated_gaussian.alpha",
    models_lib.COUNT_DISCRIMINATOR,
    *(results_table.TRAIN_CONFIG + name for name in labels.LOSS_BINDINGS),
]
# What the pitfalls look at of a model's other scores.
_FACTS = (
    "num_dead",
    "num_passive",
    "num_active",
    "index_code_mi_saturated",
    "reconstruction_bernoulli",
    "reconstruction_loss",
)
PANEL = ["dataset", "quantity", "representation"]
SEED = 0


class Comparison(NamedTuple):
    """What has been compared.

    Attributes:
        runs: DataFrame, a row per model and quantity.
        groups: DataFrame, a row per panel, role, method and strength.
        own_runs: DataFrame, a row per own run and panel, with rank and quantile.
        methods: DataFrame, a row per panel, own method and method of the zoo.
        notice: What the zoo's side is, in a sentence; more of it in further lines.
    """

    runs: pd.DataFrame
    groups: pd.DataFrame
    own_runs: pd.DataFrame
    methods: pd.DataFrame
    notice: str


def compare_tables(own, zoo, notice):
    """Compares tables of own runs with the zoo's.

    Args:
        own: DataFrame as `table.to_table` or `read_table` gives it; if None, the
            RTC-VAE models of the zoo's side take its place.
        zoo: The same for the zoo.
        notice: What the zoo's side is, in a sentence; more of it in further lines.

    Returns:
        `Comparison`.

    Raises:
        UserError: Nothing is in common.
    """
    zoo_runs = to_runs(zoo, ZOO)
    if own is not None:
        own_runs = to_runs(own, OWN)
    else:
        is_rtc = zoo_runs["model"] == "rtc_vae"
        if not is_rtc.any():
            raise UserError(
                "compare needs own runs: give tables, zips or folders; without them, "
                "the zoo's side must hold RTC-VAE models."
            )
        own_runs = zoo_runs[is_rtc].assign(role=OWN)
        zoo_runs = zoo_runs[~is_rtc]
        first, *rest = notice.split("\n")
        first += " No own runs were given; its RTC-VAE models take their place."
        notice = "\n".join([first, *rest])
    _check_common(own_runs, zoo_runs)
    runs = pd.concat([own_runs, zoo_runs], ignore_index=True)
    return Comparison(
        runs,
        group_table(runs),
        rank_table(runs),
        method_table(runs),
        notice,
    )


def read_table(path):
    """Reads of a table what is compared; a whole zoo's would not fit in memory.

    Args:
        path: .parquet or .csv, as `table.write` makes it.

    Raises:
        UserError: As `table.read`.
    """
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException):
        return results_table.read(path)  # CSV; or it says what is wrong.
    with file:
        names = file.schema_arrow.names
    if not {*results_table.MODEL_COLUMNS, *results_table.SCORE_COLUMNS} <= set(names):
        return results_table.read(path)
    score = pyarrow.compute.field("score")
    found = pyarrow.parquet.read_table(
        path,
        columns=[name for name in _COLUMNS if name in names],
        filters=score.isin(sorted(_WANTED))
        | pyarrow.compute.starts_with(score, results_table.SETTING),
    ).to_pandas()
    types = {**results_table.MODEL_COLUMNS, **results_table.SCORE_COLUMNS}
    return found.astype({n: types[n] for n in found.columns if n in types})


_COLUMNS = [name for name in _MODEL if name != "role"] + _TRAINING
_COLUMNS += list(results_table.SCORE_COLUMNS)
_WANTED = {quantity.score for quantity in QUANTITIES} | set(_FACTS)


def slim(table):
    """Returns what of a results table is compared."""
    is_setting = table["score"].str.startswith(results_table.SETTING).astype(bool)
    return table[table["score"].isin(_WANTED) | is_setting].reindex(columns=_COLUMNS)


def to_runs(table, role):
    """Puts what is compared into a row per model and quantity.

    Args:
        table: As `results_table`.
        role: OWN or ZOO.

    Returns:
        DataFrame with the columns that say which model it is, those of its training
        that matter, quantity, higher_is_better, representation, value, settings (text,
        of how the metric was computed), the `_FACTS` where known, and not_learnt, see
        `quantities.not_learnt`. Of fewer than two active latents there is no total
        correlation, whatever the table says.
    """
    table = slim(table).assign(role=role, key="")
    for name in _MODEL:
        # A missing value would make the whole key missing, and all such models one.
        text = table[name].astype("string").fillna("")
        table["key"] = table["key"] + "\t" + text
    place = ["key", "representation", "metric"]
    is_setting = table["score"].str.startswith(results_table.SETTING).astype(bool)
    settings = _settings(table[is_setting], place)
    facts = table[table["score"].isin(_FACTS)].pivot_table(
        index="key", columns="score", values="value", aggfunc="last"
    )
    facts = facts.reindex(columns=list(_FACTS))
    # What a model logs of its own training is called like some metrics.
    table = table[table["metric"] != results_table.TRAINING]
    parts = []
    for quantity in QUANTITIES:
        rows = table[table["score"] == quantity.score]
        if quantity.metric:
            rows = rows[rows["metric"].str.contains(quantity.metric, regex=False)]
        rows = rows.drop_duplicates(["key", "representation"], keep="last")
        rows = rows.assign(
            quantity=quantity.label, higher_is_better=quantity.higher_is_better
        )
        parts.append(rows[np.isfinite(rows["value"])])
    runs = pd.concat(parts, ignore_index=True)
    runs = runs.merge(settings, on=place, how="left").merge(
        facts, left_on="key", right_index=True, how="left"
    )
    runs["settings"] = runs["settings"].fillna("")
    runs["not_learnt"] = _not_learnt(runs)
    # Tables of earlier versions have 0 there.
    is_none = (runs["score"] == "tc_mean_active") & (runs["num_active"] < 2)
    runs = runs[~is_none].reset_index(drop=True)
    return runs.drop(columns=["key", "score"])


def _not_learnt(runs):
    by_training = runs["reconstruction_loss"].mask(labels.is_other_loss(runs))
    rows = pd.DataFrame(
        {
            "num_active": runs["num_active"],
            "reconstruction": runs["reconstruction_bernoulli"].fillna(by_training),
            "constant_image": labels.constant_loss(runs["dataset"]),
        }
    )
    return [labels.not_learnt(row) for row in rows.to_dict("records")]


def _settings(rows, place):
    names = rows["score"].str[len(results_table.SETTING) :]
    text = names + "=" + rows["value"].map("{:g}".format).astype("string")
    rows = rows[place].assign(settings=text).sort_values([*place, "settings"])
    return rows.groupby(place, as_index=False)["settings"].agg(", ".join)


def _check_common(own, zoo):
    shared = set(map(tuple, own[PANEL].to_numpy())) & set(
        map(tuple, zoo[PANEL].to_numpy())
    )
    if not shared:
        raise UserError(
            "own runs and the zoo's have no data set and score in common: own "
            f"{_said(own)}; the zoo's {_said(zoo)}."
        )


def _said(runs):
    if runs.empty:
        return "has no score that is compared"
    datasets = ", ".join(sorted(set(runs["dataset"])))
    found = ", ".join(dict.fromkeys(runs["quantity"]))
    return f"has {found} on {datasets}"


def _strata(rows):
    """Splits the values of a method into its strengths; unknown ones are one, NaN."""
    by_strength = rows.groupby("strength", dropna=False)["value"]
    return {strength: group.to_numpy(float) for strength, group in by_strength}


def _tasks(first, second, is_same_method):
    """Returns which strengths of two methods are compared, as pairs of their places.

    Those of one method are compared with themselves. Strengths of two methods are on
    scales of their own, so that each is compared with each.
    """
    pairs = list(itertools.product(enumerate(first), enumerate(second)))
    same = [(i, j) for (i, a), (j, b) in pairs if a == b and is_same_method]
    return same or [(i, j) for (i, _), (j, _) in pairs]


def _random(*names):
    # Each interval has its own stream, whatever else is in the table.
    return np.random.default_rng([SEED, *"/".join(map(str, names)).encode()])


def group_table(runs):
    """Summarises each method at each strength.

    Returns:
        DataFrame of panel, role, model, strength, and num_runs, mean, mean_low,
        mean_high (bootstrap over seeds), median, quartile_1, quartile_3, minimum,
        maximum.
    """
    rows = []
    cell = [*PANEL, "role", "model", "strength"]
    for key, group in runs.groupby(cell, sort=False, dropna=False):
        values = group["value"].to_numpy(float)
        mean, low, high = statistics.mean([values], _random(*key))
        first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
        rows.append(
            {
                **dict(zip(cell, key)),
                "num_runs": len(values),
                "mean": mean,
                "mean_low": low,
                "mean_high": high,
                "median": median,
                "quartile_1": first,
                "quartile_3": third,
                "minimum": values.min(),
                "maximum": values.max(),
            }
        )
    order = {name: i for i, name in enumerate(labels.in_order(runs["model"]))}
    return (
        pd.DataFrame(rows)
        .assign(order=lambda table: table["model"].map(order))
        .sort_values([*PANEL, "role", "order", "strength"], ignore_index=True)
        .drop(columns="order")
    )


def rank_table(runs):
    """Places each own run among the zoo's.

    Returns:
        DataFrame of the own runs' columns with num_zoo, rank (1 is the best of
        num_zoo + 1) and quantile (share of the zoo's that is worse, ties half);
        panels that the zoo lacks are left out.
    """
    parts = []
    for _, rows in runs.groupby(PANEL, sort=False):
        own, zoo = rows[rows["role"] == OWN], rows[rows["role"] == ZOO]
        if own.empty or zoo.empty:
            continue
        up = bool(rows["higher_is_better"].iloc[0])
        places = [
            statistics.rank(value, zoo["value"].to_numpy(float), up)
            for value in own["value"]
        ]
        ranks, quantiles = zip(*places)
        parts.append(own.assign(num_zoo=len(zoo), rank=ranks, quantile=quantiles))
    columns = [name for name in [*PANEL, *_MODEL] if name not in ("role",)]
    columns = list(dict.fromkeys([*columns, "value", "num_zoo", "rank", "quantile"]))
    return pd.concat(parts, ignore_index=True)[columns]


def method_table(runs):
    """Compares each own method with each of the zoo's, over strengths and seeds.

    Returns:
        DataFrame of panel, own_model, zoo_model, num_own, num_zoo; difference (own mean
        minus zoo's) and improvement (the probability that an own run is better, at the
        same strength if the method is the same, else averaged over all pairs of
        strengths), each with _low and _high by the stratified bootstrap, which are NaN
        where a strength has a single run; num_pairs and
        paired_difference with _low and _high: runs of the same seed, and of the same
        strength if the method is the same, else means over strengths.
    """
    rows = []
    for panel, group in runs.groupby(PANEL, sort=False):
        own, zoo = group[group["role"] == OWN], group[group["role"] == ZOO]
        sign = 1.0 if group["higher_is_better"].iloc[0] else -1.0
        for ours in labels.in_order(own["model"]):
            for theirs in labels.in_order(zoo["model"]):
                mine = own[own["model"] == ours]
                others = zoo[zoo["model"] == theirs]
                rows.append(
                    {
                        **dict(zip(PANEL, panel)),
                        "own_model": ours,
                        "zoo_model": theirs,
                        **_compare_methods(mine, others, sign),
                    }
                )
    return pd.DataFrame(rows)


def _compare_methods(mine, others, sign):
    random = _random("methods", mine["model"].iloc[0], others["model"].iloc[0])
    is_same_method = mine["model"].iloc[0] == others["model"].iloc[0]
    first, second = _strata(mine), _strata(others)
    tasks = _tasks(first, second, is_same_method)
    first, second = list(first.values()), list(second.values())
    pairs = _pair(mine, others, is_same_method)
    result = {"num_own": len(mine), "num_zoo": len(others), "num_pairs": len(pairs)}
    paired = (np.nan,) * 3
    if len(pairs):
        paired = statistics.paired_difference(pairs, random)
    for name, triple in (
        ("difference", statistics.difference(first, second, random)),
        (
            "improvement",
            statistics.improvement_interval(
                [sign * values for values in first],
                [sign * values for values in second],
                random,
                tasks,
            ),
        ),
        ("paired_difference", paired),
    ):
        result.update(zip((name, f"{name}_low", f"{name}_high"), triple))
    return result


def _pair(mine, others, is_same_method):
    """Returns differences between runs of the same seed."""
    key = ["strength", "seed"] if is_same_method else ["seed"]
    mine, others = (
        rows.dropna(subset=["seed"]).groupby(key)["value"].mean()
        for rows in (mine, others)
    )
    return (mine - others).dropna().to_numpy(float)
