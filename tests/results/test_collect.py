# SPDX-License-Identifier: Apache-2.0
"""One table of all evaluations below a folder, whoever has made them."""

import json
import os
import subprocess
import sys
import tracemalloc

import hostile_records
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.results import collect, records
from rtc_plugin.results import table as results_table
from rtc_plugin.studies import study_folder


def write_model(root, folder, num, metrics=("mean/mig", "mean/sap_score")):
    """Writes evaluations as dlib_reproduce leaves them."""
    for metric in metrics:
        representation, name = metric.split("/")
        record = {
            "train_config.model.model": "@vae()",
            "train_config.vae.beta": f"{num}.0",
            "train_config.dataset.name": "'dsprites_full'",
            "train_config.model.model_num": str(num),
            "train_config.model.random_seed": str(num % 5),
            "train_results.loss": 1.0 + num,
            "postprocess_config.postprocess.name": f"'{representation}'",
            "evaluation_config.evaluation.name": f"'{name}'",
            "evaluation_results.score": num / 3,
            "evaluation_results.scores": [float(i) for i in range(20)],
        }
        path = root / folder / "metrics" / metric / collect.EVALUATION_FILE
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record))


def read(root, **kwargs):
    paths = collect.collect(str(root), **kwargs).paths
    return results_table.read(paths[0])


def test_what_dlib_reproduce_left_is_gathered_in_the_order_of_numbers(tmp_path):
    for num in (10, 2):
        write_model(tmp_path, str(num), num)
    summary = collect.collect(str(tmp_path))
    assert (summary.num_models, summary.num_rows) == (2, 2 * (1 + 2 * 21))
    assert summary.paths == [
        str(tmp_path / "results.parquet"),
        str(tmp_path / "results.csv"),
    ]
    table = results_table.read(summary.paths[1])
    assert list(table["model_num"].unique()) == [2, 10]
    assert list(table["folder"].unique()) == ["2", "10"]
    assert set(table["origin"]) == {"own"} and set(table["study"]) == {""}
    wide = results_table.wide(table)
    assert list(wide["training/loss"]) == [3.0, 11.0]
    assert list(wide["mean/mig/score"]) == [2 / 3, 10 / 3]


def test_several_studies_below_one_folder_keep_their_names(tmp_path):
    for name, origin in (("a", "own"), ("b", "rebuilt")):
        write_model(tmp_path, f"{name}/3", 3)
        settings = {"study": f"study_{name}", "origin": origin}
        (tmp_path / name / "study.json").write_text(json.dumps(settings))
    table = read(tmp_path)
    keys = ["folder", "study", "origin"]
    found = table[keys].drop_duplicates().to_numpy().tolist()
    assert found == [["a/3", "study_a", "own"], ["b/3", "study_b", "rebuilt"]]
    assert set(read(tmp_path, origin="published")["origin"]) == {"published"}


def test_an_evaluation_outside_of_a_study_is_gathered(tmp_path):
    write_model(tmp_path, "x", 1, ["mean/mig"])
    os.rename(tmp_path / "x/metrics/mean/mig", tmp_path / "x/my_evaluation")
    (tmp_path / "x/metrics/mean").rmdir()
    (tmp_path / "x/metrics").rmdir()
    table = read(tmp_path)
    assert set(table["folder"]) == {"x"} and "mig" in set(table["metric"])


def test_a_model_s_own_folder_may_be_given(tmp_path):
    write_model(tmp_path, "7", 7)
    (tmp_path / "study.json").write_text(json.dumps({"study": "mine"}))
    table = read(tmp_path / "7")
    assert set(table["folder"]) == {""} and set(table["study"]) == {"mine"}


def test_unfinished_folders_are_not_looked_at(tmp_path):
    write_model(tmp_path, "1", 1)
    write_model(tmp_path, "2", 2)
    os.rename(tmp_path / "2/metrics/mean/mig", tmp_path / "2/metrics/mean/mig.partial")
    scores = read(tmp_path).query("model_num == 2")
    assert set(scores["metric"]) == {"sap_score", "training"}


@pytest.mark.parametrize("text", ["", '{"train_config.model.mo'])
def test_half_written_results_are_named_and_left_out(tmp_path, text):
    write_model(tmp_path, "1", 1)
    write_model(tmp_path, "2", 2)
    path = tmp_path / "1/metrics/mean/mig" / collect.EVALUATION_FILE
    path.write_text(text)
    summary = collect.collect(str(tmp_path))
    assert [problem.where for problem in summary.problems] == [str(path)]
    assert "is no JSON" in summary.problems[0].what
    assert summary.num_models == 2


@pytest.mark.parametrize("name", hostile_records.FILES)
def test_a_hostile_evaluation_is_named_and_the_rest_is_read(tmp_path, name):
    content, words = hostile_records.FILES[name]
    write_model(tmp_path, "1", 1)
    write_model(tmp_path, "2", 2)
    path = tmp_path / "1/metrics/mean/mig" / collect.EVALUATION_FILE
    path.write_bytes(content)
    summary = collect.collect(str(tmp_path))
    assert (summary.num_models, summary.num_rows) == (2, 2 * 22 + 21)
    (problem,) = summary.problems
    assert problem.where == str(path) and words in problem.what
    for table in map(results_table.read, summary.paths):
        assert len(table) == summary.num_rows


def test_bindings_of_different_types_in_one_model_become_text(tmp_path):
    write_model(tmp_path, "1", 1)
    path = tmp_path / "1/metrics/mean/sap_score" / collect.EVALUATION_FILE
    record = json.loads(path.read_text())
    record.update({"train_config.a.b": "'text'", "train_config.only.here": "1"})
    path.write_text(json.dumps(record))
    path = tmp_path / "1/metrics/mean/mig" / collect.EVALUATION_FILE
    path.write_text(json.dumps({**record, "train_config.a.b": "1"}))
    summary = collect.collect(str(tmp_path))
    assert summary.problems == []
    assert set(read(tmp_path)["train_config.a.b"]) == {"1", "text"}


@pytest.mark.parametrize(
    "content, words",
    [
        ("[1]", "holds a list"),
        ('{"study": 3}', "has 3 as study"),
        ('{"origin": "\\ud800"}', "as origin"),
        ("{", "is no JSON"),
    ],
)
def test_a_study_that_cannot_be_read_is_named_once(tmp_path, content, words):
    for num in (1, 2):
        write_model(tmp_path, str(num), num)
    (tmp_path / "study.json").write_text(content)
    summary = collect.collect(str(tmp_path))
    (problem,) = summary.problems
    assert problem.where == str(tmp_path / "study.json") and words in problem.what
    assert summary.num_models == 2


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000])
def test_a_study_that_cannot_be_read_is_not_gone_on_with(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(UserError, match="study.json .*give another --root"):
        study_folder.StudyFolder(tmp_path)


@pytest.mark.parametrize("name", ["\u00b2", "\u0663", "1\u00b2"])
def test_any_digit_may_be_in_the_name_of_a_folder(tmp_path, name):
    for folder in ("1", name):
        write_model(tmp_path, folder, 1)
    assert set(read(tmp_path)["folder"]) == {"1", name}


def test_a_pipe_is_not_waited_for(tmp_path):
    write_model(tmp_path, "1", 1)
    path = tmp_path / "1/metrics/mean/mig" / collect.EVALUATION_FILE
    path.unlink()
    os.mkfifo(path)
    (problem,) = collect.collect(str(tmp_path)).problems
    assert problem == (str(path), "is not a plain file.")


def test_what_cannot_be_read_is_counted_and_an_error_if_strict(tmp_path, capsys):
    problems = [records.Problem("0\x1b[2J", f"reason {i}\n") for i in range(3)]
    records.report(problems, most=2)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        r"not read: 0\x1b[2J: reason 0\n",
        r"not read: 0\x1b[2J: reason 1\n",
        "... and 1 more",
        "not read: 3 in all",
    ]
    with pytest.raises(UserError, match="--strict"):
        records.report(problems, strict=True)
    records.report([], strict=True)


def test_a_folder_without_evaluations_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no evaluation; give a folder above"):
        collect.collect(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_columns_hold_what_any_model_needs(tmp_path):
    write_model(tmp_path, "0", 0)
    path = tmp_path / "1/metrics/mean/mig" / collect.EVALUATION_FILE
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps({"train_config.a.b": "2.5", "evaluation_results.x": 1.0})
    )
    path = tmp_path / "2/metrics/mean/mig" / collect.EVALUATION_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"train_config.a.b": "2", "evaluation_results.x": 1.0}))
    table = read(tmp_path)
    assert str(table["train_config.a.b"].dtype) == "float64"
    assert list(table["train_config.a.b"].dropna()) == [2.5, 2.0]


def test_memory_does_not_grow_with_the_number_of_models(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "ROWS_AT_A_TIME", 400)
    peaks = []
    for count in (40, 160):
        root = tmp_path / str(count)
        for num in range(count):
            write_model(root, str(num), num, ["mean/mig"])
        tracemalloc.start()
        assert collect.collect(str(root)).num_rows == count * (1 + 21)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # All rows at once would be four times as much.
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.slow
def test_ten_thousand_models_take_less_than_500_megabytes(tmp_path):
    for num in range(10000):
        write_model(tmp_path, str(num), num)
    program = (
        "import resource, sys\n"
        "from rtc_plugin.results import collect\n"
        "print(collect.collect(sys.argv[1]).num_rows)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows, megabytes = shown.split()
    assert int(rows) == 10000 * (1 + 2 * 21)
    assert float(megabytes) < 500
