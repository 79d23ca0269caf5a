# SPDX-License-Identifier: Apache-2.0
import math

import pandas as pd
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.results import table as results_table

RECORD = {
    "train_config.model.model": "@tc_monitor()",
    "train_config.tc_monitor.model": "@rtc_vae()",
    "train_config.rtc_vae.beta": "6.0",
    "train_config.rtc_vae.eta": "None",
    "train_config.model.model_num": "17",
    "train_config.model.random_seed": "3",
    "train_config.model.training_steps": "1100",
    "train_config.model.batch_size": "32",
    "train_config.encoder.num_latent": "10",
    "train_config.dataset.name": "'dsprites_rendered'",
    "train_config.vae/AdamOptimizer.learning_rate": "0.001",
    "train_config.vae/AdamOptimizer.use_locking": "False",
    "train_config.model.eval_steps": "20",
    "train_config.decoder.decoder_fn": "@paper_decoder",
    "train_config.training_data.sampling": "None",
    "train_results.reconstruction_loss": 84.5,
    "train_results.uuid": "a4",
    "train_results.elapsed_time": 12.0,
    "postprocess_config.postprocess.name": "'mean_and_logvar'",
    "evaluation_config.evaluation.name": "'rtc_metrics'",
    "evaluation_config.evaluation.evaluation_fn": "@rtc_metrics",
    "evaluation_results.tc_mean": 1.5,
    "evaluation_results.tc_mean_singular": True,
    "evaluation_results.num_active": 4,
    "evaluation_results.signal_share": [0.5, None, 0.25],
    "evaluation_results.r2_matrix": [[0.1, 0.2], [0.3, 0.4]],
    "evaluation_results.latent_class": ["active", "mixed"],
    "evaluation_results.not_known": None,
    "evaluation_results.elapsed_time": 3.0,
    "evaluation_results.uuid": "b5",
}


def record(**changes):
    names = {name.partition(".")[2]: name for name in RECORD}
    return {**RECORD, **{names.get(k, k): v for k, v in changes.items()}}


def first(*args, **kwargs):
    return results_table.tidy_rows(*args, **kwargs)[0]


def test_wrappers_of_training_do_not_rename_a_model():
    wrapped = {
        **RECORD,
        "train_config.tc_monitor.model": "@discriminator_steps()",
        "train_config.discriminator_steps.model": "@factor_vae()",
        "train_config.factor_vae.gamma": "6.0",
    }
    row = first(wrapped)
    assert (row["model"], row["strength"]) == ("factor_vae", 6.0)


@pytest.mark.parametrize("wrapper", ["correlated_gaussian", "wrapper_of_the_user"])
def test_any_wrapper_is_seen_through(wrapper):
    wrapped = {
        **RECORD,
        "train_config.model.model": f"@{wrapper}()",
        f"train_config.{wrapper}.model": "@factor_vae()",
        "train_config.factor_vae.gamma": "6.0",
    }
    row = first(wrapped)
    assert (row["model"], row["strength"]) == ("factor_vae", 6.0)


def test_wrappers_in_a_circle_come_to_an_end():
    circle = {**RECORD, "train_config.tc_monitor.model": "@tc_monitor()"}
    assert first(circle)["model"] == "tc_monitor"


@pytest.mark.parametrize(
    "text", ["-" * 20000 + "1", "(" * 900 + "1", "[" * 900, "{[]: 1}", "\0"]
)
def test_source_that_no_parser_takes_is_text(text):
    assert first({**RECORD, "train_config.a.b": text})["train_config.a.b"] == text


def test_a_row_says_how_the_model_was_trained():
    row = first(RECORD, origin="own", study="rtc_study_small", folder="17")
    expected = {
        "origin": "own",
        "study": "rtc_study_small",
        "model_num": 17,
        "folder": "17",
        "dataset": "dsprites_rendered",
        "model": "rtc_vae",
        "strength_name": "rtc_vae.beta",
        "strength": 6.0,
        "eta": 10.0,
        "seed": 3,
        "training_steps": 1100,
        "batch_size": 32,
        "num_latent": 10,
        "representation": "mean_and_logvar",
        "metric": "rtc_metrics",
        "score": "tc_mean",
        "value": 1.5,
        "train_config.vae/AdamOptimizer.learning_rate": 0.001,
        "train_config.vae/AdamOptimizer.use_locking": False,
        "train_config.decoder.decoder_fn": "@paper_decoder",
    }
    assert {name: row[name] for name in expected} == expected


def test_numbers_become_rows_and_short_lists_are_taken_apart():
    values = {row["score"]: row["value"] for row in results_table.tidy_rows(RECORD)}
    assert values == {
        "tc_mean": 1.5,
        "tc_mean_singular": 1.0,
        "num_active": 4.0,
        "signal_share/0": 0.5,
        "signal_share/2": 0.25,
        "r2_matrix/0/0": 0.1,
        "r2_matrix/0/1": 0.2,
        "r2_matrix/1/0": 0.3,
        "r2_matrix/1/1": 0.4,
    }


@pytest.mark.parametrize("shape", [(10, 7), (10, 10), (64, 64)])
def test_large_matrices_are_whole(shape):
    """More than 64 numbers, as of MPI3D's 7 factors, were left out without a word."""
    matrix = [[0.5] * shape[1]] * shape[0]
    rows = results_table.tidy_rows({"evaluation_results.r2_matrix": matrix})
    assert len(rows) == shape[0] * shape[1]


def test_the_number_of_permutations_comes_with_the_scores():
    settings = {"evaluation_config.tc_nongaussian.num_permutations": "39"}
    rows = results_table.tidy_rows({**RECORD, **settings})
    assert {r["value"] for r in rows if r["score"] == "num_permutations"} == {39.0}


def test_the_end_of_training_is_a_metric_of_its_own():
    (row,) = results_table.training_rows(RECORD)
    assert (row["representation"], row["metric"]) == ("", "training")
    assert (row["score"], row["value"]) == ("reconstruction_loss", 84.5)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model.model": "@vae()", "vae.beta": "4.0"}, ("beta_vae", "vae.beta", 4.0)),
        (
            {"model.model": "@factor_vae()", "factor_vae.gamma": "20.0"},
            ("factor_vae", "factor_vae.gamma", 20.0),
        ),
        (
            {
                "model.model": "@dip_vae()",
                "dip_vae.dip_type": "'ii'",
                "dip_vae.lambda_od": "5.0",
            },
            ("dip_vae_ii", "dip_vae.lambda_od", 5.0),
        ),
        (
            {"model.model": "@annealed_vae()", "annealed_vae.c_max": "25.0"},
            ("annealed_vae", "annealed_vae.c_max", 25.0),
        ),
        ({"model.model": "@scope/mine.new_vae()"}, ("new_vae", "", None)),
    ],
)
def test_each_model_has_its_name_and_its_strength(config, expected):
    row = first(
        {
            **{"train_config." + name: value for name, value in config.items()},
            "evaluation_results.score": 1.0,
        }
    )
    assert (row["model"], row["strength_name"], row["strength"]) == expected


@pytest.mark.parametrize(
    ("beta", "eta", "expected"),
    [("6.0", "None", 10.0), ("20.0", "None", 20.0), ("6.0", "1.0", 1.0)],
)
def test_eta_is_resolved_as_the_model_resolves_it(beta, eta, expected):
    row = first(record(**{"rtc_vae.beta": beta, "rtc_vae.eta": eta}))
    assert row["eta"] == expected


def test_names_of_unnamed_evaluations_come_from_their_functions():
    unnamed = {
        "postprocess_config.postprocess.name": "''",
        "postprocess_config.postprocess.postprocess_fn": "@sampled_representation",
        "evaluation_config.evaluation.evaluation_fn": "@mig",
        "evaluation_results.discrete_mig": 0.5,
    }
    row = first(unnamed)
    assert (row["representation"], row["metric"]) == ("sampled", "mig")


def test_a_row_of_the_librarys_aggregated_table_is_a_record_too():
    cells = pd.DataFrame([RECORD, {"train_config.vae.beta": "1.0"}]).iloc[0].to_dict()
    row = first(cells)
    assert "train_config.vae.beta" not in row
    assert row["model"] == "rtc_vae"


def two_models():
    other = {
        "train_config.model.model": "@vae()",
        "train_config.vae.beta": "4",
        "train_config.model.eval_steps": "30",
        "train_config.model.random_seed": "4294967295",
        "evaluation_config.evaluation.name": "'mig'",
        "evaluation_results.discrete_mig": math.nan,
    }
    rows = [*results_table.tidy_rows(RECORD), *results_table.training_rows(RECORD)]
    return rows + results_table.tidy_rows(other, origin="zoo")


def test_columns_have_the_types_of_their_values():
    table = results_table.to_table(two_models())
    types = {name: str(kind) for name, kind in table.dtypes.items()}
    assert list(types)[:3] == ["origin", "study", "model_num"]
    assert list(types)[-4:] == ["representation", "metric", "score", "value"]
    assert types["model_num"] == types["seed"] == "Int64"
    assert types["train_config.model.eval_steps"] == "Int64"
    assert types["train_config.vae/AdamOptimizer.learning_rate"] == "float64"
    assert types["train_config.vae/AdamOptimizer.use_locking"] == "boolean"
    assert table["train_config.decoder.decoder_fn"].dtype == "string"
    assert table["seed"].max() == 2**32 - 1
    assert table["model_num"].iloc[-1] is pd.NA
    assert math.isnan(table["eta"].iloc[-1])


def test_an_empty_table_has_the_same_columns():
    table = results_table.to_table([])
    assert list(table) == [*results_table.MODEL_COLUMNS, *results_table.SCORE_COLUMNS]
    assert str(table["seed"].dtype) == "Int64" and len(table) == 0
    assert len(results_table.wide(table)) == 0


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("rows", [two_models(), []], ids=["some", "none"])
def test_a_written_table_is_read_back(tmp_path, suffix, rows):
    table = results_table.to_table(rows)
    path = tmp_path / f"table{suffix}"
    results_table.write(table, path)
    read = results_table.read(path)
    if rows:
        pd.testing.assert_frame_equal(read, table)
    else:
        assert list(read) == list(table) and len(read) == 0


def test_a_table_written_in_pieces_is_the_same(tmp_path):
    rows = two_models()
    types = results_table.column_types(rows)
    path = tmp_path / "table.csv"
    with results_table.Writer(types, path, tmp_path / "table.parquet") as writer:
        assert not path.exists()
        writer.add(rows[:4])
        writer.add(rows[4:])
    for name in ("table.csv", "table.parquet"):
        read = results_table.read(tmp_path / name)
        pd.testing.assert_frame_equal(read, results_table.to_table(rows))


def test_an_interrupted_table_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        with results_table.Writer({}, tmp_path / "table.csv"):
            raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_wide_has_a_row_per_model_in_order():
    table = results_table.to_table(two_models())
    wide = results_table.wide(table)
    assert list(wide["model"]) == ["rtc_vae", "beta_vae"]
    assert wide["mean_and_logvar/rtc_metrics/tc_mean"].iloc[0] == 1.5
    assert wide["training/reconstruction_loss"].iloc[0] == 84.5
    assert math.isnan(wide["mean_and_logvar/rtc_metrics/tc_mean"].iloc[1])
    assert str(wide["seed"].dtype) == "Int64"


def test_wide_takes_the_last_of_two_scores():
    table = results_table.to_table(
        [{**row, "value": value} for value in (1.0, 2.0) for row in two_models()[:1]]
    )
    wide = results_table.wide(table)
    assert list(wide["mean_and_logvar/rtc_metrics/tc_mean"]) == [2.0]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("t.xlsx", "", "t.xlsx: a results table is kept as"),
        ("absent.csv", None, "absent.csv is not there.*rtc study collect"),
        ("t.csv", "a,b\n1,2\n", "lacks the column origin"),
        ("t.csv", "", "is no results table"),
        ("t.parquet", "nonsense", "is no results table"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, name, text, error):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=error):
        results_table.read(tmp_path / name)
