# SPDX-License-Identifier: Apache-2.0
"""The table of scores below a folder, whatever the folders are called."""

import json

import pytest

from rtc_plugin import runs
from rtc_plugin.errors import UserError
from rtc_plugin.results import summary


def write_evaluation(folder, representation, metric, **results):
    results = {"uuid": "x", "elapsed_time": 1.0, **results}
    record = {
        "postprocess_config.postprocess.postprocess_fn": (
            f"@{representation}_representation"
        ),
        "evaluation_config.evaluation.evaluation_fn": f"@{metric}",
        **{f"evaluation_results.{name}": value for name, value in results.items()},
    }
    path = folder / runs.EVALUATION_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))


def test_scores_of_both_representations_stand_side_by_side(tmp_path):
    tc = "unsupervised_metrics"
    write_evaluation(tmp_path / "a", "mean", tc, gaussian_total_correlation=0.5)
    write_evaluation(
        tmp_path / "sampled" / tc, "sampled", tc, gaussian_total_correlation=0.25
    )
    (tmp_path / "a").rename(tmp_path / tc)
    scores = summary.read_scores(tmp_path)
    assert scores.to_dict("list") == {
        "model": ["", ""],
        "representation": ["sampled", "mean"],
        "metric": [tc, tc],
        "score": ["gaussian_total_correlation"] * 2,
        "value": [0.25, 0.5],
    }
    header, *_, row = summary.tabulate(scores).splitlines()
    assert header.split() == ["representation", "mean", "sampled"]
    assert row.split() == [tc, "TC", "(nats)", "0.5000", "0.2500"]


def test_models_are_told_apart_by_their_folders(tmp_path):
    for i, rho in enumerate(("rho_0", "rho_9")):
        folder = tmp_path / rho / "metrics" / "mig"
        write_evaluation(folder, "mean", "mig", discrete_mig=float(i))
    text = summary.tabulate(summary.read_scores(tmp_path))
    assert [line.split() for line in text.splitlines()[-2:]] == [
        ["rho_0", "mig", "discrete_mig", "0.0000"],
        ["rho_9", "mig", "discrete_mig", "1.0000"],
    ]


def test_a_nan_score_is_shown_and_a_list_is_left_out(tmp_path):
    folder = tmp_path / "mig"
    write_evaluation(folder, "mean", "mig", discrete_mig=float("nan"), gaps=[1, 2])
    scores = summary.read_scores(tmp_path)
    assert scores["score"].tolist() == ["discrete_mig"]
    assert "discrete_mig" in summary.tabulate(scores)


def test_a_folder_without_evaluations_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="holds no evaluation"):
        summary.read_scores(tmp_path)


def test_a_damaged_evaluation_is_named_and_the_others_are_shown(tmp_path, capsys):
    for name in ("whole", "half"):
        write_evaluation(tmp_path / name, "mean", "mig", discrete_mig=0.5)
    path = tmp_path / "half" / runs.EVALUATION_FILE
    path.write_text(path.read_text()[:40])
    assert summary.read_scores(tmp_path)["model"].tolist() == ["whole"]
    assert f"not read: {path}: is no JSON" in capsys.readouterr().err
