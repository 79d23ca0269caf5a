# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import synthetic_study
from scipy import stats

from rtc_plugin.results import claims
from rtc_plugin.results import table as results_table

NAMES = [f"C{i}" for i in range(1, 9)]


def judge(**changes):
    """Judges a study in line with the paper but for some scores.

    Args:
        **changes: Function of (scores, dataset, model, strength, seed) by score.
    """

    def scores(dataset, model, strength, seed, random):
        results = synthetic_study.scores_in_line_with_the_paper(
            dataset, model, strength, seed, random
        )
        for name, change in changes.items():
            results[name] = change(results, dataset, model, strength, seed)
        return results

    table = synthetic_study.study_table(scores)
    return {judgement.name: judgement for judgement in claims.judge(table)}


def test_all_claims_hold_where_they_do():
    judged = judge()
    assert list(judged) == NAMES
    assert {j.verdict for j in judged.values()} == {claims.HOLDS}


@pytest.mark.parametrize(
    "name, score, change",
    [
        ("C1", "tc_sample", lambda r, d, m, s, seed: 0.6 * r["tc_mean"]),
        ("C2", "tc_sample", lambda r, d, m, s, seed: 0.9 * r["tc_mean"]),
        ("C3", "tc_mean", lambda r, d, m, s, seed: 1.0),
        ("C4", "reconstruction_bernoulli", lambda r, d, m, s, seed: 100 - s),
        (
            "C5",
            "mean_r2_gap",
            lambda r, d, m, s, seed: r["tc_mean"],
        ),
        ("C6", "num_dependent_pairs_mean", lambda r, d, m, s, seed: 30),
        ("C7", "disintegration_per_factor", lambda r, d, m, s, seed: [0.1] * 6),
        ("C8", "disintegration", lambda r, d, m, s, seed: 0.05 + 0.001 * seed),
    ],
)
def test_a_claim_fails_where_the_numbers_contradict_it(name, score, change):
    assert judge(**{score: change})[name].verdict == claims.FAILS


def test_all_is_undecided_with_too_few_seeds():
    judged = claims.judge(synthetic_study.study_table(seeds=1))
    for judgement in judged[:4] + judged[5:6]:
        assert judgement.verdict == claims.UNDECIDED
        assert "so far; 3 per cell needed" in judgement.tally
        assert set(judgement.cells["remark"]) == {"1 of the 3 seeds needed"}
    assert judged[0].tally == "6 of 6 so far; 3 per cell needed"
    # These two are about models of all strengths together.
    assert [judged[6].verdict, judged[7].verdict] == [claims.HOLDS, claims.HOLDS]


def test_seeds_that_disagree_leave_a_claim_undecided():
    judged = judge(
        tc_sample=lambda r, d, m, s, seed: r["tc_mean"] * (0.9 if seed else 0.1)
    )
    assert judged["C1"].verdict == claims.UNDECIDED


def test_one_strength_that_fails_is_enough():
    judged = judge(
        tc_sample=lambda r, d, m, s, seed: (
            r["tc_mean"] * (0.9 if s == 50 and d == "shapes3d_rendered" else 0.1)
        )
    )
    cells = judged["C1"].cells
    assert judged["C1"].verdict == claims.FAILS
    assert cells[cells["verdict"] == claims.FAILS]["weight"].tolist() == [50.0]
    assert (cells["verdict"] == claims.HOLDS).sum() == 5


def test_a_table_without_the_models_leaves_all_undecided():
    empty = results_table.to_table([])
    for table in (empty, synthetic_study.study_table(models=["dip_vae_ii"])):
        judged = claims.judge(table)
        assert {j.verdict for j in judged} == {claims.UNDECIDED}


def test_active_latents_and_signal_shares_stand_beside_every_pair():
    judged = judge()
    for name in ("C1", "C2"):
        cell = judged[name].cells.iloc[0]
        assert cell["TC_mean, active"] == pytest.approx(0.1, rel=0.1)
        assert {"TC_sample, active", "mean r", "smallest r"} <= set(cell.index)
        assert "active latents alone 0.1" in judged[name].numbers
    assert judged["C1"].cells["smallest r"].tolist() == [0.05] * 6


def test_strengths_are_compared_with_the_nearest_of_factor_vae():
    """The paper's grids are 2, 6, 10, ... for FactorVAE and 2, 5, 10, ... for DIP."""
    table = synthetic_study.study_table()
    dip = table["model"] == "dip_vae_i"
    table.loc[dip & (table["strength"] == 10.0), "strength"] = 8.0
    cells = claims.judge(table)[2].cells
    row = cells[(cells["model"] == "DIP-VAE-I") & (cells["weight"] == 8.0)].iloc[0]
    assert row["verdict"] == claims.HOLDS and row["FactorVAE TC_mean"] > 2.5


def test_a_reference_further_than_a_factor_of_two_is_none():
    table = synthetic_study.study_table()
    dip = table["model"] == "dip_vae_i"
    table.loc[dip & (table["strength"] == 10.0), "strength"] = 4.5
    (_, _, third, *_) = claims.judge(table)
    cells = third.cells.set_index(["dataset", "model", "weight"])
    cell = cells.loc[("dsprites_rendered", "DIP-VAE-I", 4.5)]
    assert (cell["verdict"], cell["models"]) == (claims.UNDECIDED, 0)
    assert "no FactorVAE to judge by within a factor of 2" in cell["remark"]
    assert third.verdict == claims.UNDECIDED


def test_the_reference_s_strength_is_said():
    table = synthetic_study.study_table()
    dip = table["model"] == "dip_vae_i"
    table.loc[dip & (table["strength"] == 10.0), "strength"] = 8.0
    third, fourth = claims.judge(table)[2:4]
    cells = third.cells.set_index(["dataset", "model", "weight"])
    cell = cells.loc[("dsprites_rendered", "DIP-VAE-I", 8.0)]
    assert cell["reference strength"] == 10.0
    assert "Compared: DIP-VAE-I at 8 with FactorVAE at 10." in third.numbers
    assert set(fourth.cells["reference strength"]) == {10.0}


@pytest.mark.parametrize(
    "beta, verdict", [(6.0, claims.HOLDS), (2.5, claims.UNDECIDED)]
)
def test_the_baseline_of_c4_is_named_or_missed(beta, verdict):
    """Beta 2 was once called 10."""
    table = synthetic_study.study_table(datasets=["dsprites_rendered"])
    table = table[(table["model"] == "rtc_vae") & (table["strength"] != 2.0)]
    table.loc[table["strength"] == 10.0, "strength"] = beta
    judgement = claims.judge(table)[3]
    assert judgement.verdict == verdict
    if verdict == claims.HOLDS:
        assert "nats at beta 6." in judgement.numbers
    else:
        assert judgement.tally == "no model judged"
        assert "no RTC-VAE to judge by at a beta of 10" in judgement.numbers


@pytest.mark.parametrize("permutations, limit", [(50, 4), (19, 6), (5, 14)])
def test_pairs_are_counted_against_the_level_that_was_used(permutations, limit):
    """The limit is the least count that chance exceeds less than once in a hundred."""
    level = 1 / (1 + permutations)
    assert (
        stats.binom.sf(limit, 45, level) < 0.01 < stats.binom.sf(limit - 1, 45, level)
    )
    for pairs, verdict in ((limit, claims.HOLDS), (limit + 1, claims.FAILS)):
        judged = judge(
            num_permutations=lambda *_: permutations,
            num_dependent_pairs_mean=lambda r, d, m, s, seed, pairs=pairs: (
                pairs if m == "rtc_vae" else 45
            ),
        )
        cells = judged["C6"].cells
        assert set(cells[cells["model"] == "RTC-VAE"]["verdict"]) == {verdict}
        assert set(cells["by chance, at most"]) == {limit}


def test_without_the_level_pairs_are_not_judged():
    judged = judge(num_permutations=lambda *_: None)["C6"]
    assert judged.verdict == claims.UNDECIDED
    assert "the table has no num_permutations" in judged.numbers


def test_c6_takes_the_larger_of_neighbours_and_tree_where_there_is_one():
    """Neighbours alone miss sparse dependence."""
    missed = dict(
        knn_sample=lambda *_: 0.25,
        knn_excess_sample=lambda *_: 0.05,
        knn_excess_sample_stderr=lambda *_: 0.05,
    )
    assert judge(**missed)["C6"].verdict == claims.FAILS
    seen = judge(
        **missed,
        tree_sample=lambda *_: 3.0,
        tree_sample_stderr=lambda *_: 0.02,
        lower_bound_sample=lambda *_: 3.0,
    )["C6"]
    assert seen.verdict == claims.HOLDS
    assert set(seen.cells["lower bound on TC_sample"]) == {3.0}
    assert "the larger of what neighbours and the tree" in seen.numbers


def not_learnt(scores, dataset, model, strength, random):
    """Of a study that is in line with the paper, DIP-VAE-II at 10 has not learnt."""
    results = synthetic_study.scores_in_line_with_the_paper(
        dataset, model, strength, 0, random
    )
    if (model, strength) == ("dip_vae_ii", 10.0):
        results.update(scores, signal_share=[0.0] * 10)
    return results


@pytest.mark.parametrize(
    "scores",
    [
        dict(num_active=0, tc_mean_active=0.0, tc_sample_active=0.0),
        dict(reconstruction_bernoulli=790.0),
    ],
    ids=["no active latent", "a constant image"],
)
def test_a_model_that_has_not_learnt_is_judged_nowhere(scores):
    table = synthetic_study.study_table(
        lambda d, m, s, seed, random: not_learnt(scores, d, m, s, random),
        datasets=["dsprites_rendered"],
    )
    judged = claims.judge(table) + claims.judge_active(claims.q.quantities(table))
    for judgement in judged:
        cells = judgement.cells
        if "weight" not in cells or "model" not in cells:
            continue
        cell = cells[(cells["model"] == "DIP-VAE-II") & (cells["weight"] == 10.0)]
        assert cell["verdict"].tolist() == [claims.UNDECIDED]
        assert cell["models"].tolist() == [0]
        assert cell["remark"].tolist() == ["3 not judged: not learnt"]
    assert [judged[2].verdict, judged[5].verdict] == [claims.UNDECIDED] * 2
    assert judged[4].cells["models"].tolist() == [3 * 12 - 3]


def test_of_fewer_than_two_active_latents_there_is_no_total_correlation():
    """A table with 0 there met C2 and C3, and missed C1."""

    def scores(dataset, model, strength, seed, random):
        results = synthetic_study.scores_in_line_with_the_paper(
            dataset, model, strength, seed, random
        )
        if strength == 2.0:
            results.update(num_active=1, tc_mean_active=0.0, tc_sample_active=0.0)
        return results

    models = claims.q.quantities(synthetic_study.study_table(scores))
    assert models.loc[models["strength"] == 2.0, "tc_mean_active"].isna().all()
    for judgement in claims.judge_active(models):
        cells = judgement.cells
        few = cells[cells["weight"] == 2.0]
        assert set(few["verdict"]) == {claims.UNDECIDED}
        assert set(few["models"]) == {0}
        assert few["remark"].str.contains("fewer than two active latents").all()
        assert set(cells[cells["weight"] > 2.0]["models"]) == {3}


def test_the_interval_of_a_rank_correlation_covers():
    """In 400 samples of 20 pairs, about 95 % of the intervals hold the true value."""
    random = np.random.default_rng(0)
    rho = 0.6
    spearman = 6 / np.pi * np.arcsin(rho / 2)  # Of a bivariate normal law.
    covered = 0
    for _ in range(400):
        x = random.standard_normal(20)
        y = rho * x + np.sqrt(1 - rho**2) * random.standard_normal(20)
        low, middle, high = claims.rank_correlation(x, y)
        assert middle == pytest.approx(stats.spearmanr(x, y)[0])
        covered += low < spearman < high
    # 3 standard deviations of a binomial law around 0.95, and its own approximation.
    assert 0.91 < covered / 400 < 0.985


def test_a_rank_correlation_of_too_few_is_no_number():
    assert all(np.isnan(claims.rank_correlation([1, 2, 3], [1, 2, 3])))
    assert all(np.isnan(claims.rank_correlation([1, 1, 1, 1], [1, 2, 3, 4])))


def test_the_interval_of_a_mean_is_students():
    low, high = claims.mean_interval([1.0, 2.0, 3.0])
    # 4.303 is the 0.975 quantile of t with 2 degrees of freedom.
    assert (low, high) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), 1e-3)
