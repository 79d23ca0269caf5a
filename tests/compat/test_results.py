# SPDX-License-Identifier: Apache-2.0
import json
import math
import shutil

import gin
import numpy as np
import pytest
from disentanglement_lib.utils import aggregate_results, results

from rtc_plugin.errors import UserError
from rtc_plugin.runs import parse_bindings


def test_every_kind_of_numpy_value_is_written(tmp_path):
    path = str(tmp_path / "values.json")
    results.save_dict(
        path,
        {
            "double": np.float64(0.5),
            "single": np.float32(0.25),
            "integer": np.int64(3),
            "truth": np.bool_(True),
            "matrix": np.eye(2),
        },
    )
    with open(path) as f:
        assert json.load(f) == {
            "double": 0.5,
            "single": 0.25,
            "integer": 3,
            "truth": True,
            "matrix": [[1.0, 0.0], [0.0, 1.0]],
        }


def test_one_undefined_score_does_not_throw_the_others_away(tmp_path):
    results.save_dict(str(tmp_path / "a.json"), {"tc": float("nan"), "mig": 0.5})
    read = results.aggregate_json_results(str(tmp_path))
    assert math.isnan(read["a.tc"]) and read["a.mig"] == 0.5


def test_an_undefined_score_of_a_step_is_null_with_a_reason(tmp_path):
    scores = {"tc": float("nan"), "mig": 0.5}
    results.update_result_directory(str(tmp_path), "evaluation", scores)
    path = tmp_path / "aggregate" / "evaluation.json"
    table = aggregate_results._get(str(path))
    assert table["evaluation_results.tc"].isna().all()
    assert list(table["evaluation_results.mig"]) == [0.5]
    assert table["evaluation_results.reasons"][0]["tc"].startswith("came out as NaN")
    assert ": NaN" not in path.read_text()


def test_bindings_that_gin_wraps_keep_their_values():
    names = [f"a_rather_long_name_{i}" for i in range(9)]

    @gin.configurable("wrapped")
    def wrapped(names=None, text=None, short=None):
        del names, text, short

    gin.clear_config()
    gin.bind_parameter("wrapped.names", names)
    gin.bind_parameter("wrapped.text", "left = right " * 8)
    gin.bind_parameter("wrapped.short", 1)
    wrapped()
    bindings = results.gin_dict()
    gin.clear_config()
    assert eval(bindings["wrapped.names"]) == names
    assert eval("(" + bindings["wrapped.text"] + ")") == "left = right " * 8
    assert bindings["wrapped.short"] == "1"


def test_comments_imports_and_blank_lines_are_no_bindings():
    config = "import rtc_plugin\n\n# Parameters for mig:\n# ====\nmig.num_train = 5\n"
    assert parse_bindings(config) == {"mig.num_train": "5"}


def test_a_deleted_folder_can_be_copied_to_again(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "file").write_text("x")
    for _ in range(2):
        results.copydir(str(source), str(target))
        assert (target / "file").read_text() == "x"
        shutil.rmtree(target)


def write_result(folder, value):
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps({"score": value}))


def test_aggregation_finds_what_reproduce_writes(tmp_path):
    for number in range(2):
        write_result(
            tmp_path / f"output/study/{number}/metrics/mean/mig/results/aggregate",
            float("nan") if number else 0.5,
        )
    default = "output/*/metrics/*/*/results/aggregate/evaluation.json"
    target = str(tmp_path / "all.json")
    aggregate_results.aggregate_results_to_json(str(tmp_path / default), target)
    table = aggregate_results.load_aggregated_json_results(target)
    assert table["score"].isna().tolist() == [False, True]


def test_a_pattern_without_files_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="--result_file_pattern=.* matches no file"):
        aggregate_results.aggregate_results_to_json(
            str(tmp_path / "*.json"), str(tmp_path / "all.json")
        )
