# SPDX-License-Identifier: Apache-2.0
"""Recorded scores come out of zips, folders and JSON as one tidy table."""

import json
import os
import zipfile

import hostile_records
import pandas as pd
import pytest
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.results import records
from rtc_plugin.results import table as results_table
from rtc_plugin.zoo import scores


def score(table, metric, name, representation="mean", number=None):
    rows = table[
        (table.metric == metric)
        & (table.score == name)
        & (table.representation == representation)
    ]
    if number is not None:
        rows = rows[rows.model_num == number]
    (value,) = rows.value
    return value


def unpack(path, folder):
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    return folder


def aggregated(tmp_path, numbers, orient):
    """Writes what `dlib_aggregate_results` makes of evaluations."""
    records = [
        {
            **zoo_files.record(number, representation, metric),
            "path": f"out/{number}/metrics/{representation}/{metric}/results/aggregate/"
            "evaluation.json",
        }
        for number in numbers
        for representation in ("mean", "sampled")
        for metric in zoo_files.METRICS
    ]
    path = tmp_path / f"{orient}.json"
    pd.DataFrame(records).to_json(path, orient=orient)
    return path


def test_table_says_which_model_scored_what(tmp_path):
    zoo_files.write_model(tmp_path, 9307)
    table, problems = scores.read([tmp_path])
    assert problems == []
    row = table[table.score == "discrete_mig"].iloc[0]
    assert row.value == 0.1
    assert (row.origin, row.study, row.model_num) == (
        "zoo",
        "unsupervised_study_v1",
        9307,
    )
    assert (row.dataset, row.model, row.strength_name, row.strength, row.seed) == (
        "cars3d",
        "factor_vae",
        "factor_vae.gamma",
        10.0,
        7,
    )
    assert (row.training_steps, row.batch_size, row.num_latent) == (300000, 64, 10)


def test_same_key_of_two_metrics_is_told_apart(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    table, _ = scores.read([tmp_path])
    assert score(table, "beta_vae_sklearn", "eval_accuracy") == 0.8
    assert score(table, "factor_vae_metric", "eval_accuracy") == 0.6


def test_settings_of_metrics_are_rows_too(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    table, _ = scores.read([tmp_path])
    assert score(table, "mig", "setting/mig.num_train") == 10000
    assert score(table, "sap_score", "setting/sap_score.continuous_factors") == 0
    assert not table.score.str.contains("random_seed").any()


def test_training_is_told_once_per_model(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    table, _ = scores.read([tmp_path])
    assert list(table[table.metric == "training"].value) == [100.0]


def test_zip_folder_and_aggregate_give_the_same(tmp_path):
    zipped = tmp_path / "zipped"
    zipped.mkdir()
    for number in (0, 9307):
        unpack(zoo_files.write_model(zipped, number), tmp_path / "folder")
    sources = [
        zipped,
        tmp_path / "folder",
        aggregated(tmp_path, [0, 9307], "columns"),
        aggregated(tmp_path, [0, 9307], "records"),
    ]
    out = tmp_path / "counted.parquet"
    counts = [scores.collect([source], [out])[0] for source in sources]
    assert counts == [2, 2, 2, 2]
    first, *others = [scores.read([source])[0] for source in sources]
    key = ["model_num", "representation", "metric", "score"]
    for other in others:
        assert list(other.columns) == list(first.columns)
        pd.testing.assert_frame_equal(
            first.drop(columns="folder").sort_values(key, ignore_index=True),
            other.drop(columns="folder").sort_values(key, ignore_index=True),
        )


def test_processes_and_pieces_do_not_change_the_table(tmp_path, monkeypatch):
    for number in range(0, 1800, 300):
        zoo_files.write_model(tmp_path, number)
    alone, _ = scores.read([tmp_path], workers=1)
    monkeypatch.setattr(scores, "_MODELS_AT_A_TIME", 2)
    together, _ = scores.read([tmp_path], workers=2)
    pd.testing.assert_frame_equal(alone, together)
    # Methods have different bindings; each has all columns, empty where not its own.
    assert set(together.model) == {
        "beta_vae",
        "factor_vae",
        "dip_vae_i",
        "dip_vae_ii",
        "beta_tc_vae",
        "annealed_vae",
    }
    name = "train_config.annealed_vae.iteration_threshold"
    assert together[together.model == "beta_vae"][name].isna().all()


def test_modules_are_never_read(tmp_path, monkeypatch):
    zoo_files.write_model(tmp_path, 0)
    opened = []
    stock = zipfile.ZipFile.open

    def spy(self, name, *args, **kwargs):
        opened.append(getattr(name, "filename", name))
        return stock(self, name, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", spy)
    scores.read([tmp_path], workers=1)
    assert opened and all(name.endswith("evaluation.json") for name in opened)


def test_results_that_were_not_joined_are_read_from_their_pieces(tmp_path):
    joined = zoo_files.record(0, "mean", "mig")
    pieces = {}
    for key, value in joined.items():
        piece, _, name = key.partition(".")
        pieces.setdefault(piece, {})[name] = value
    base = "0/metrics/mean/mig/results/json"
    zoo_files.write_zip(
        tmp_path / "0.zip",
        {f"{base}/{name}.json": json.dumps(text) for name, text in pieces.items()},
    )
    table, _ = scores.read([tmp_path])
    assert score(table, "mig", "discrete_mig") == 0.1


def test_metric_without_a_name_is_called_by_its_folder(tmp_path):
    record = zoo_files.record(0, "mean", "factor_vae_metric")
    del record["evaluation_config.evaluation.name"]
    del record["postprocess_config.postprocess.name"]
    name = "0/metrics/mean/factor_vae_metric/results/aggregate/evaluation.json"
    zoo_files.write_zip(tmp_path / "0.zip", {name: json.dumps(record)})
    table, _ = scores.read([tmp_path])
    assert score(table, "factor_vae_metric", "eval_accuracy") == 0.6


def test_number_in_a_name_counts_only_if_the_training_is_that_models(tmp_path):
    files = {"model.model_num": None}
    zoo_files.write_zip(tmp_path / "9307.zip", zoo_files.model_files(9307, **files))
    zoo_files.write_zip(
        tmp_path / "5.zip", zoo_files.model_files(9307, root="5/", **files)
    )
    table, _ = scores.read([tmp_path / "9307.zip"])
    assert set(table.model_num) == {9307}
    table, _ = scores.read([tmp_path / "5.zip"])
    assert table.model_num.isna().all()
    assert set(table.study) == {""}


def test_models_number_on_another_data_set_is_not_the_studys(tmp_path):
    files = zoo_files.model_files(0, **{"dataset.name": "dsprites_rendered"})
    zoo_files.write_zip(tmp_path / "0.zip", files)
    table, _ = scores.read([tmp_path])
    assert set(table.model_num) == {0} and set(table.study) == {""}


@pytest.mark.parametrize(
    "content, message",
    [
        (b"{", "is no JSON"),
        (b"[1]", "holds a list"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"evaluation_results.x": 1}', "has no train_config"),
        (b'{"train_config.x": "1"}', "has no evaluation_results"),
    ],
)
def test_unreadable_file_is_named_and_the_rest_is_read(tmp_path, content, message):
    files = zoo_files.model_files(0)
    broken = "0/metrics/mean/mig/results/aggregate/evaluation.json"
    zoo_files.write_zip(tmp_path / "0.zip", {**files, broken: content})
    table, (problem,) = scores.read([tmp_path])
    assert message in problem.what and "mig" in problem.what
    assert "mig" not in set(table[table.representation == "mean"].metric)
    assert score(table, "mig", "discrete_mig", "sampled") == 0.1


@pytest.mark.parametrize(
    "change",
    [
        {"train_config.model.random_seed": "'seven'"},
        {"train_config.model.batch_size": "1e3"},
        {"train_config.model.model_num": str(10**30)},
        {"train_config.model.model_num": "-1"},
        {"evaluation_results.discrete_mig": 10**400},
        {"train_results.loss": 10**400},
    ],
)
def test_senseless_number_does_not_end_the_reading(tmp_path, change):
    zoo_files.write_model(tmp_path, 0)
    record = {**zoo_files.record(1, "mean", "mig"), **change}
    name = "1/metrics/mean/mig/results/aggregate/evaluation.json"
    zoo_files.write_zip(tmp_path / "1.zip", {name: json.dumps(record)})
    table, problems = scores.read([tmp_path], workers=1)
    assert 0 in set(table.model_num)
    if "-1" in change.values():
        assert problems == []  # a number of some other study
    else:
        assert [problem.where for problem in problems] == [
            str(tmp_path / "1.zip" / "1")
        ]


def read_beside(tmp_path, content):
    """Reads a hostile evaluation in the model of an honest one, beside another model.

    Returns the one problem, and sees that nothing else is missing.
    """
    zoo_files.write_model(tmp_path, 0, metrics=["mig"])
    files = zoo_files.model_files(1, metrics=["mig", "sap_score"])
    files["1/metrics/mean/mig/results/aggregate/evaluation.json"] = content
    zoo_files.write_zip(tmp_path / "1.zip", files)
    outputs = [tmp_path / "scores.parquet", tmp_path / "scores.csv"]
    num_models, num_rows, problems = scores.collect([tmp_path], outputs, workers=1)
    assert num_models == 2
    tables = [results_table.read(path) for path in outputs]
    assert [len(table) for table in tables] == [num_rows] * 2
    found = tables[0].query("metric != 'training'").groupby("model_num").size()
    one = len(scores.read([tmp_path / "0.zip"])[0].query("metric != 'training'")) // 2
    assert found[0] == 2 * one and found[1] == one + 2 * 2
    (problem,) = problems
    assert problem.where == str(tmp_path / "1.zip" / "1")
    return problem.what


@pytest.mark.parametrize("name", hostile_records.FILES)
def test_hostile_record_is_named_and_the_rest_is_read(tmp_path, name):
    content, words = hostile_records.FILES[name]
    what = read_beside(tmp_path, content)
    assert what.startswith("mean/mig ") and words in what
    assert len(what) < 300


@pytest.mark.parametrize("number", ["Infinity", '"1e9"', "3.5", "true", "[1]"])
def test_number_of_a_model_is_a_whole_one(tmp_path, number):
    honest = zoo_files.record(1, "mean", "mig")
    del honest["train_config.model.model_num"]
    content = json.dumps(honest)[:-1] + f', "train_config.model.model_num": {number}}}'
    assert "model_num" in read_beside(tmp_path, content)


@pytest.mark.parametrize("number", [1.0, float("nan")])
def test_number_as_an_aggregate_has_it_is_a_models(tmp_path, number):
    """A column with missing cells holds floats, and NaN where there is nothing."""
    record = zoo_files.record(1, "mean", "mig")
    record = {**record, "train_config.model.model_num": number, "path": "1"}
    (tmp_path / "1.json").write_text(json.dumps([record]))
    table, problems = scores.read([tmp_path / "1.json"])
    assert problems == [] and set(table["model_num"]) == {1}


@pytest.mark.parametrize("text", [str(10**400), "1e999"])
def test_setting_beyond_all_numbers_is_named(tmp_path, text):
    record = zoo_files.record(1, "mean", "mig", settings={"mig.num_train": text})
    what = read_beside(tmp_path, json.dumps(record))
    assert "as evaluation_config.mig.num_train, no such number" in what


@pytest.mark.parametrize("orient", ["columns", "records"])
@pytest.mark.parametrize("name", ["endless signs", "a strength beyond float64"])
def test_hostile_row_of_an_aggregate_is_named(tmp_path, orient, name):
    path = aggregated(tmp_path, [0, 9307], orient)
    content = json.loads(path.read_text())
    changes = json.loads(hostile_records.FILES[name][0])
    for key in ("train_config.a.b", "train_config.vae.beta"):
        if orient == "columns":
            content.setdefault(key, {})["3"] = changes.get(key)
        else:
            content[3][key] = changes.get(key)
    path.write_text(json.dumps(content))
    table, (problem,) = scores.read([path])
    assert problem.where == f"{path}[3]" and hostile_records.FILES[name][1] in (
        problem.what
    )
    assert set(table["model_num"]) == {0, 9307}


@pytest.mark.parametrize("change", [{}, {"train_config.a.b": "'text'"}])
def test_second_record_of_one_path_is_named(tmp_path, change):
    path = aggregated(tmp_path, [0], "records")
    content = json.loads(path.read_text())
    content[0]["train_config.a.b"] = "1"
    path.write_text(json.dumps([*content, {**content[0], **change}]))
    table, (problem,) = scores.read([path])
    assert problem.where == f"{path}[10]" and "path of an earlier record" in (
        problem.what
    )
    assert str(table["train_config.a.b"].dtype) == "Int64"


def test_bindings_of_different_types_in_one_model_become_text(tmp_path):
    files = {}
    for metric, value in (("mig", "1"), ("sap_score", "'text'")):
        record = {**zoo_files.record(0, "mean", metric), "train_config.a.b": value}
        name = f"0/metrics/mean/{metric}/results/aggregate/evaluation.json"
        files[name] = json.dumps(record)
    zoo_files.write_zip(tmp_path / "0.zip", files)
    table, problems = scores.read([tmp_path])
    assert problems == []
    assert set(table["train_config.a.b"]) == {"1", "text"}


@pytest.mark.parametrize("path", ["metrics/a/b/c/metrics", "/metrics/", "a\nb", 3, [1]])
def test_odd_path_in_an_aggregate_is_no_obstacle(tmp_path, path):
    record = {**zoo_files.record(0, "mean", "mig"), "path": path}
    (tmp_path / "a.json").write_text(json.dumps([record]))
    table, problems = scores.read([tmp_path / "a.json"])
    assert problems == [] and set(table["metric"]) == {"mig", "training"}


def test_column_that_comes_twice_is_named(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    path = tmp_path / "a.json"
    path.write_text('{"a": {"0": 1}, "a": {"0": 2}}')
    _, (problem,) = scores.read([tmp_path / "0.zip", path])
    assert problem == (str(path), "has the key 'a' twice.")


def test_large_whole_numbers_survive_a_lack_of_them(tmp_path):
    seed = 2**63 - 1
    zoo_files.write_model(tmp_path, 0, **{"model.random_seed": seed})
    zoo_files.write_model(tmp_path, 1, **{"model.random_seed": None})
    table, problems = scores.read([tmp_path])
    assert problems == [] and set(table["seed"].dropna()) == {seed}


@pytest.mark.parametrize("name", ["\u00b2.zip", "1\u0663.zip"])
def test_digit_that_is_no_number_in_a_name_is_no_obstacle(tmp_path, name):
    files = zoo_files.model_files(0, root="", **{"model.model_num": None})
    zoo_files.write_zip(tmp_path / name, files)
    table, problems = scores.read([tmp_path])
    assert problems == [] and table["model_num"].isna().all()


@pytest.mark.parametrize(
    "content, words",
    [("[1]", "holds a list"), ('{"origin": [1]}', "has [1] as origin"), ("{", "JSON")],
)
def test_study_that_cannot_be_read_is_named_once(tmp_path, content, words):
    for number in (0, 300):
        unpack(zoo_files.write_model(tmp_path, number), tmp_path / "folder")
    (tmp_path / "folder" / "study.json").write_text(content)
    table, (problem,) = scores.read([tmp_path / "folder"])
    assert problem.where == str(tmp_path / "folder" / "study.json")
    assert words in problem.what
    assert set(table["model_num"]) == {0, 300} and set(table["origin"]) == {"zoo"}


def test_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    zoo_files.write_model(tmp_path, 0)
    (tmp_path / "closed").mkdir()
    stock = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return stock(path)

    monkeypatch.setattr(os, "scandir", scandir)
    _, problems = scores.read([tmp_path])
    assert problems == [
        (str(tmp_path / "closed"), "cannot be listed (Permission denied).")
    ]


def test_folders_without_end_are_named(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    os.makedirs(tmp_path / "/".join("d" * 60))
    _, (problem,) = scores.read([tmp_path])
    assert "more than 50 deep" in problem.what


def test_model_in_a_folder_of_any_name_is_read(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    path = zoo_files.write_model(tmp_path, 0)
    os.rename(path, folder + b"/0.zip")
    table, problems = scores.read([tmp_path])
    assert problems == [] and "caf\ufffd" in table["folder"].iloc[0]


def test_pipe_is_not_waited_for(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    os.mkfifo(tmp_path / "1.zip")
    _, (problem,) = scores.read([tmp_path])
    assert "neither a plain file" in problem.what


def test_mistake_of_ours_does_not_end_the_reading(tmp_path, monkeypatch):
    stock = results_table.tidy_rows

    def tidy_rows(record, **kwargs):
        if "'sap_score'" in record.values():
            raise ZeroDivisionError("unforeseen")
        return stock(record, **kwargs)

    monkeypatch.setattr(results_table, "tidy_rows", tidy_rows)
    zoo_files.write_model(tmp_path, 0)
    table, problems = scores.read([tmp_path])
    assert len(problems) == 2 and "ZeroDivisionError: unforeseen" in problems[0].what
    assert "mig" in set(table["metric"])


def test_hostile_zip_is_named_and_the_others_are_read(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    zoo_files.write_zip(tmp_path / "1.zip", {"../x": b""})
    (tmp_path / "2.zip").write_text("<html></html>")
    table, problems = scores.read([tmp_path])
    assert set(table.model_num) == {0}
    assert [problem.where[-5:] for problem in problems] == ["1.zip", "2.zip"]


def test_huge_json_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_JSON_BYTES", 10)
    zoo_files.write_model(tmp_path, 0)
    with pytest.raises(UserError, match="more than 10 bytes"):
        scores.read([tmp_path], workers=1)


def test_place_without_models_is_an_error(tmp_path):
    with pytest.raises(UserError, match="neither zips nor models"):
        scores.read([tmp_path])
    with pytest.raises(UserError, match="does not exist"):
        scores.read([tmp_path / "nowhere"])


def test_table_is_written_whole_or_not_at_all(tmp_path):
    zoo_files.write_zip(tmp_path / "1.zip", {"../x": b""})
    out = tmp_path / "scores.parquet"
    with pytest.raises(UserError):
        scores.collect([tmp_path], [out])
    assert not out.exists()


def test_csv_says_the_same_as_parquet(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    out = [tmp_path / "scores.parquet", tmp_path / "scores.csv"]
    models, rows, _ = scores.collect([tmp_path / "0.zip"], out)
    assert models == 1
    parquet, csv = map(results_table.read, out)
    assert len(parquet) == rows
    pd.testing.assert_frame_equal(parquet, csv)
