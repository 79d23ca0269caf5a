# SPDX-License-Identifier: Apache-2.0
"""The page of outside checks judges as it says, and its parts without peers hold."""

import importlib.util
import pathlib

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def conformance():
    path = ROOT / "benchmarks" / "conformance.py"
    spec = importlib.util.spec_from_file_location("conformance", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_judgements(conformance):
    assert conformance.compare("a", 2.0, 2.0 + 1e-8).judgement == "equal"
    assert conformance.compare("a", 2.0, 2.1).judgement == "error"
    assert conformance.compare("a", 2.0, 2.1, "bins").judgement == "definition: bins"
    values = np.random.default_rng(0).normal(1.0, 0.1, size=8)
    assert conformance.judge("a", 1.0, values, "why").judgement == "noise"
    assert conformance.judge("a", 1.5, values, "why").judgement.startswith("error -0.")


def test_a_missing_peer_is_named(conformance, monkeypatch):
    monkeypatch.setitem(conformance.PEERS, "THOI", ("thoi", "no_such_module"))
    found = conformance.run("THOI", conformance.of_thoi)
    assert found == "thoi cannot be imported here (ModuleNotFoundError)."
    assert f"Not compared: {found}" in conformance.to_markdown([("THOI", "t", found)])


@pytest.mark.parametrize("name", ["scikit-learn", "beta-TCVAE", "InfoMEC"])
def test_nothing_is_an_error_where_formulas_are_the_same(name, conformance):
    (part,) = [part for part in conformance.PARTS if part[0] == name]
    rows = conformance.run(name, part[1])
    judgements = [row.judgement.split(":")[0] for row in rows]
    assert set(judgements) <= {"equal", "definition"}
    assert judgements.count("equal") >= len(rows) / 2


def test_gaussian_formula_finds_what_is_published_as_the_truth(conformance):
    rows = list(conformance.of_tc_estimation(num_samples=4000, num_seeds=6))
    ours = [row for row in rows if row.what.startswith("Gaussian")]
    assert [row.theirs for row in ours] == [2, 4, 6, 8, 10]
    for row in ours:
        assert float(row.ours.split()[0]) == pytest.approx(row.theirs, abs=0.1)


def test_page_has_every_part(conformance):
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert all(f"\n## {name}" in page for name, _, _ in conformance.PARTS)
    assert "Not compared" not in page
