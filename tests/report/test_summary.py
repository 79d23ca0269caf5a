# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.report import summary


def write_evaluation(folder, **results):
    path = folder / "results" / "json" / "evaluation_results.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"uuid": "x", "elapsed_time": 1.0, **results}))


def test_scores_of_both_representations_stand_side_by_side(tmp_path):
    write_evaluation(tmp_path / "mean" / "tc", gaussian_total_correlation=0.5)
    write_evaluation(tmp_path / "sampled" / "tc", gaussian_total_correlation=0.25)
    scores = summary.read_scores(tmp_path)
    assert scores.to_dict("list") == {
        "representation": ["mean", "sampled"],
        "metric": ["tc", "tc"],
        "score": ["gaussian_total_correlation"] * 2,
        "value": [0.5, 0.25],
    }
    assert summary.tabulate(scores).splitlines()[-1].split() == [
        "tc",
        "TC",
        "(nats)",
        "0.5000",
        "0.2500",
    ]


def test_a_nan_score_is_shown_and_a_list_is_left_out(tmp_path):
    write_evaluation(tmp_path / "mean" / "mig", discrete_mig=float("nan"), gaps=[1, 2])
    scores = summary.read_scores(tmp_path)
    assert scores["score"].tolist() == ["discrete_mig"]
    assert "discrete_mig" in summary.tabulate(scores)


def test_a_folder_without_evaluations_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="holds no evaluation"):
        summary.read_scores(tmp_path)
