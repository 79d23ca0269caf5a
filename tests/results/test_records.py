# SPDX-License-Identifier: Apache-2.0
"""Whatever a record holds, it becomes rows that a table can hold, or one line."""

import json
import random

import hostile_records
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.results import records
from rtc_plugin.results import table as results_table

VALUES = [
    None, True, 0, -3, 2**63, -(2**63), 10**300, 10**400, 0.5, 1e300, float("inf"),
    float("nan"), "", "x", "'x'", "'3'", "3", "1e999", "1" + "0" * 400, "None", "True",
    "0x" + "f" * 900, "[1, 2]", "{[]: 1}", "@a()", "@tc_monitor()", "@model()", "%m",
    "'\\ud800'", "'\\x00'", "\ud800", "a\rb", "a\nb", "1+2j", "-" * 5000 + "1",
    "-" * 20000 + "1", "(" * 900, "1_000", "\u0663", [], [1], {},
    {"a": [1, {"b": "x"}]}, [None], {"": 1}, {"a/b": 2}, {"\ud800": 1}, {"k" * 600: 1},
    [0] * 30000,
]  # fmt: skip
NAMES = [
    *hostile_records.HONEST, "train_config.model.model_num", "train_config.a.b", "path",
    "train_config.tc_monitor.model", "train_config.rtc_vae.beta", "train_config.",
    "train_config.dip_vae.dip_type", "evaluation_config.x", "evaluation_results.",
    "evaluation_results.x", "train_results.x", "", "\ud800", "train_config.\udc00",
]  # fmt: skip
PIECES = [
    b"[",
    b"{",
    b'"',
    b",",
    b"1" * 5000,
    b"NaN",
    b"-",
    b"e999",
    b"\\ud800",
    b"\xff",
]


def disturb(draws):
    """Returns the JSON of an honest record with some of it changed."""
    record = dict(hostile_records.HONEST)
    for _ in range(draws.choice([1, 1, 2, 4])):
        record[draws.choice(NAMES)] = draws.choice(VALUES)
    if draws.random() < 0.1:
        record["train_config.model.model"] = "@rtc_vae()"
    text = json.dumps(record, ensure_ascii=draws.random() < 0.5)
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if draws.random() < 0.2:
        place = draws.randrange(len(content))
        end = place + draws.choice([0, 1, 50])
        content[place:end] = draws.choice(PIECES)
    return bytes(content)


def test_disturbed_records_become_rows_or_one_line(tmp_path):
    draws, problems = random.Random(0), []
    pieces = records.Pieces(str(tmp_path / "rows"))
    num_read = 0
    for i in range(1500):
        with records.one_item(str(i), problems):
            record = records.check_object(records.loads(disturb(draws)))
            records.check(record)
            pieces.add(records.scores(record, folder=str(i)))
            pieces.add(records.training(record, folder=str(i)))
            num_read += 1
    assert num_read > 300 and len(problems) == 1500 - num_read > 300
    assert all(len(problem.what) < 700 for problem in problems)
    pieces.save()
    outputs = [tmp_path / "table.parquet", tmp_path / "table.csv"]
    records.write(pieces.types, pieces.paths, outputs)
    for table in map(results_table.read, outputs):
        assert len(table) == pieces.num_rows


def test_pieces_do_not_change_a_table(tmp_path):
    tables = []
    for size in (1, 1000):
        pieces = records.Pieces(str(tmp_path / "rows"))
        for i, value in enumerate(("1", "2.5", "None", "'x'", "True")):
            record = {**hostile_records.HONEST, "train_config.a.b": value}
            if i % 2:
                record[f"train_config.only.a{i}"] = str(2**62 + i)
            pieces.add(records.scores(record))
            pieces.save(size)
        pieces.save()
        out = tmp_path / f"{size}.csv"
        records.write(pieces.types, pieces.paths, [out])
        tables.append(out.read_text())
        assert [path.suffix for path in tmp_path.iterdir()] == [".csv"] * len(tables)
    assert tables[0] == tables[1]


def test_bindings_without_end_do_not_make_columns_without_end(tmp_path):
    pieces = records.Pieces(str(tmp_path / "rows"))
    with pytest.raises(UserError, match="more than 5000 columns"):
        for i in range(20):
            many = {f"train_config.a{i}_{k}.b": "1" for k in range(400)}
            pieces.add(records.scores({**hostile_records.HONEST, **many}))
    assert len(pieces.types) <= 5000 and pieces.num_rows > 0


def test_nan_and_infinity_are_scores():
    """The library writes them as Python's JSON does."""
    text = '{"evaluation_results.a": NaN, "evaluation_results.b": -Infinity}'
    record = records.loads(text)
    records.check(record)
    values = [row["value"] for row in records.scores(record)]
    assert values[0] != values[0] and values[1] == float("-inf")
