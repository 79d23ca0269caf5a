# SPDX-License-Identifier: Apache-2.0
import math
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from run_rtc import rtc

from rtc_plugin.errors import UserError
from rtc_plugin.estimators import cells as cells_lib
from rtc_plugin.estimators import study as study_lib
from rtc_plugin.estimators import summary

ROOT = pathlib.Path(__file__).parents[2]
COLUMNS = (
    "study structure dim batch_size dataset_size sigma target det tc_mean_true "
    "tc_sample_true estimator mean stderr repetitions seconds"
).split()
# What makes each study small enough for a test.
SMALL = {
    "figure2": dict(dims=(2,), targets=(0.5, 1.0)),
    "dimension": dict(dims=(1, 2)),
    "batch": dict(dims=(2,), batch_sizes=(16, 32)),
    "sigma": dict(dims=(3,), sigmas=(1e-6, 0.1)),
    "shutdown": dict(dims=(3,), targets=(0.0, 1.0)),
    "dataset_size": dict(dims=(2,), dataset_sizes=(100, 200)),
    "theorem1": {},
    "gradient": dict(dims=(2,), targets=(0.0, 0.5)),
}


def run(study, folder, **options):
    small = dict(batch_sizes=(64,), repetitions=2, discriminator_steps=20, workers=1)
    return study_lib.run(
        study, str(folder), progress=False, **{**small, **SMALL[study], **options}
    )


def numbers(results):
    """Everything but the time it took."""
    return results.drop(columns="seconds")


@pytest.mark.parametrize("study", study_lib.STUDIES)
def test_every_study_writes_table_figure_and_summary(study, tmp_path):
    results = run(study, tmp_path)
    assert list(results.columns) == COLUMNS
    assert np.all(np.isfinite(results["mean"]))
    key = ["structure", "dim", "batch_size", "dataset_size", "sigma", "target"]
    assert not results.duplicated([*key, "estimator"]).any()
    csv = pd.read_csv(tmp_path / "results.csv")
    parquet = pd.read_parquet(tmp_path / "results.parquet")
    for read in (csv, parquet):
        pd.testing.assert_frame_equal(read, results, check_dtype=False)
    for kind in ("png", "svg"):
        assert (tmp_path / f"{study}.{kind}").stat().st_size > 10_000
    assert "Observation 4" in (tmp_path / "summary.md").read_text()
    assert not list(tmp_path.rglob("*partial*"))


def test_estimates_are_means_over_batches_of_the_population(tmp_path):
    results = run("figure2", tmp_path, batch_sizes=(512,), repetitions=10)
    # Independent latents at D = 2, B = 512, sigma = 0.1: the reference table's naive.
    row = results[(results["target"] == 1.0) & (results["estimator"] == "naive")].iloc[
        0
    ]
    assert row["tc_sample_true"] == 0.0 and row["repetitions"] == 10
    assert abs(row["mean"] - 0.2) < 0.1 and 0 < row["stderr"] < 0.02
    table = results[results["target"] == 1.0].set_index("estimator")["mean"]
    assert table["mws"] - table["naive"] == pytest.approx(math.log(737280))
    assert table["naive"] - table["raw"] == pytest.approx(math.log(512))


def test_rows_do_not_depend_on_workers_nor_on_the_other_estimators(tmp_path):
    one = run("figure2", tmp_path / "one")
    two = run("figure2", tmp_path / "two", workers=2)
    pd.testing.assert_frame_equal(numbers(one), numbers(two))
    fewer = run("figure2", tmp_path / "fewer", estimators=("mss1",))
    expected = one[one["estimator"] == "mss1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(numbers(fewer), numbers(expected))
    other = run("figure2", tmp_path / "other", estimators=("mss1",), seed=1)
    assert not np.any(other["mean"].to_numpy() == fewer["mean"].to_numpy())


def test_resumes_by_cell(tmp_path, monkeypatch):
    evaluated = []
    evaluate = cells_lib.evaluate

    def fail_on_second(cell):
        evaluated.append(cell.target)
        if len(evaluated) == 2:
            raise KeyboardInterrupt
        return evaluate(cell)

    monkeypatch.setattr(cells_lib, "evaluate", fail_on_second)
    with pytest.raises(KeyboardInterrupt):
        run("figure2", tmp_path)
    assert not (tmp_path / "results.csv").exists()
    resumed = run("figure2", tmp_path)
    assert evaluated == [0.5, 1.0, 1.0]
    monkeypatch.undo()
    whole = run("figure2", tmp_path / "whole")
    pd.testing.assert_frame_equal(numbers(resumed), numbers(whole))


def test_rows_of_other_studies_stay(tmp_path):
    run("figure2", tmp_path)
    run("dimension", tmp_path)
    run("dimension", tmp_path)
    studies = pd.read_csv(tmp_path / "results.csv")["study"].value_counts()
    assert set(studies.index) == {"figure2", "dimension"}
    assert studies["figure2"] == 2 * 7


def test_unreachable_targets_are_left_out_and_named():
    cells, missing = study_lib.plan("dimension", dims=(1, 2, 4), targets=(0.0, 3.0))
    assert [(c.dim, c.target) for c in cells] == [(1, 0), (2, 0), (4, 0), (4, 3)]
    assert len(missing) == 2 and "cannot be reached with 2 latents" in missing[1]


def test_the_exact_mixture_settles_what_mss_estimates(tmp_path):
    results = run(
        "dataset_size",
        tmp_path,
        dims=(4,),
        dataset_sizes=(1000,),
        batch_sizes=(500,),
        repetitions=10,
        estimators=("mss_sym", "leave_one_out", "mixture"),
    ).set_index("estimator")
    truth = results["mean"]["mixture"]
    assert results["tc_sample_true"]["mixture"] == 0.0 < 0.5 < truth
    assert abs(results["mean"]["mss_sym"] - truth) < 0.5
    assert results["mean"]["leave_one_out"] < 0


def test_gradient_rows(tmp_path):
    results = run("gradient", tmp_path, dims=(2, 10), batch_sizes=(256,))
    value = results.set_index(["dim", "target", "estimator"])["mean"]
    # Two latents carry little enough information to see dependence, ten do not.
    assert value[2, 0.5, "exact/d_tc"] == pytest.approx(1.0)
    assert value[2, 0.5, "naive/d_tc"] > 0.7
    assert abs(value[10, 0.5, "naive/d_tc"]) < 0.1
    # Noise on one of ten independent latents changes no dependence, yet the estimate.
    assert value[10, 0.0, "exact/d_log_sigma"] == pytest.approx(0.0, abs=1e-9)
    assert value[10, 0.0, "naive/d_log_sigma"] < -0.8
    assert (10, 0.0, "naive/d_tc") not in value.index


def rows(**columns):
    base = dict(
        study="figure2",
        structure="equicorrelation",
        batch_size=512,
        dataset_size=737280,
        sigma=0.1,
        target=0.5,
        tc_sample_true=0.5,
        seconds=1.0,
    )
    return pd.DataFrame({**base, **columns})


def test_summary_says_holds_fails_and_where():
    text = summary.summarise(
        rows(
            dim=[2, 2, 2, 6, 6, 6],
            estimator=["mws", "mss0", "mss1"] * 2,
            mean=[14.0, 0.6, 0.3, 60.0, 7.0, 1.0],
        )
    )
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    verdicts = [line.split("**: ")[1] for line in lines]
    assert verdicts[0].startswith("fails (0 of 2")
    assert verdicts[1].startswith("not tested")
    assert verdicts[2].startswith("holds (2 of 2")
    assert verdicts[3].startswith("holds (2 of 2")
    assert verdicts[4] == "holds only where (1 of 2 cells): dim 2: 0/1, dim 6: 1/1."


def test_summary_of_the_limit_formulas():
    formula = 9 * math.log(512)
    text = summary.summarise(
        rows(
            study="sigma",
            dim=10,
            target=0.0,
            sigma=[1e-6, 0.1],
            estimator="naive",
            mean=[formula, 16.7],
        )
    )
    line = next(line for line in text.splitlines() if "Eq. 11" in line)
    assert "holds only where (1 of 2 cells): sigma 1e-06: 1/1, sigma 0.1: 0/1" in line


@pytest.mark.parametrize(
    "study, options, message",
    [
        ("figure3", {}, "--study figure3: choose from figure2"),
        ("figure2", {"estimators": ("mss2",)}, "--estimators mss2: choose from"),
        ("figure2", {"structures": ("tree",)}, "--structure tree: choose from"),
        ("figure2", {"targets": (1.5,)}, "--targets 1.5: out of range"),
        ("figure2", {"dims": (0,)}, "--dims 0: at least 1"),
        ("figure2", {"batch_sizes": (1,)}, "--batch_sizes 1: at least 2"),
        ("figure2", {"dataset_sizes": (100,)}, "--dataset_size 100: at least 512"),
        ("figure2", {"sigmas": (0.0,)}, "--sigma 0.0: at least"),
        ("figure2", {"repetitions": 0}, "--repetitions 0: at least 1"),
        ("shutdown", {"targets": (0.5,)}, "--targets 0.5: not a number of latents"),
        ("shutdown", {"targets": (11.0,)}, "--targets 11: more than --dims"),
        ("shutdown", {"target_on": "det"}, "--target_on: in --study shutdown"),
        ("theorem1", {"dims": (3,)}, "theorem1 has cases of its own"),
        (
            "dimension",
            {"dims": (1,), "targets": (1.0,)},
            "--targets: tc_sample = 1 cannot be reached with 1 latents",
        ),
    ],
)
def test_user_errors(study, options, message):
    with pytest.raises(UserError, match=message):
        study_lib.plan(study, **options)


def test_command(tmp_path):
    done = rtc(
        "estimators",
        "study",
        "figure2",
        "--dims=2",
        "--targets=0.5,1",
        "--estimators=mss0,gaussian",
        "--repetitions=2",
        "--batch_sizes=32",
        f"--output={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    assert f"Written to {tmp_path}" in done.stdout
    table = pd.read_csv(tmp_path / "results.csv")
    assert len(table) == 4 and set(table["batch_size"]) == {32}


def test_command_explains_user_errors():
    for flags, message in [
        (["study", "figure2"], "Missing option '-o'"),
        (["study", "figure2", "-o", "x", "--dims=two"], "is not a list of whole"),
        (["on_model"], "no such verb: on_model"),
    ]:
        done = rtc("estimators", *flags)
        assert done.returncode == 2
        assert message in done.stderr and "Traceback" not in done.stderr


def test_the_study_needs_no_tensorflow():
    code = "import sys, rtc_plugin.estimators.study; " + (
        "sys.exit('tensorflow' in sys.modules or 'disentanglement_lib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
