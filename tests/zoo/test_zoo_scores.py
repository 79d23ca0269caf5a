# SPDX-License-Identifier: Apache-2.0
"""Recorded scores come out of zips, folders and JSON as one tidy table."""

import json
import zipfile

import pandas as pd
import pytest
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.studies import results_table
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


def test_hostile_zip_is_named_and_the_others_are_read(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    zoo_files.write_zip(tmp_path / "1.zip", {"../x": b""})
    (tmp_path / "2.zip").write_text("<html></html>")
    table, problems = scores.read([tmp_path])
    assert set(table.model_num) == {0}
    assert [problem.where[-5:] for problem in problems] == ["1.zip", "2.zip"]


def test_huge_json_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "MAX_JSON_BYTES", 10)
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
