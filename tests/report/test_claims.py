# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import synthetic_study
from scipy import stats

from rtc_plugin.report import claims
from rtc_plugin.studies import results_table

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
        assert "models meet the mark" in judgement.numbers
    assert "6 of 6 models meet the mark" in judged[0].numbers
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
