# SPDX-License-Identifier: Apache-2.0
"""The notebook runs: the part on a bare npz always, that in PyTorch where it is."""

import importlib.util
import pathlib

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = pathlib.Path(__file__).parents[1] / "docs" / "measure_your_model.ipynb"


@pytest.mark.parametrize("part", ["npz", pytest.param("torch", marks=pytest.mark.slow)])
def test_notebook_runs(part, tmp_path, monkeypatch):
    if part == "torch" and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    if part == "npz":
        notebook.cells = [
            cell
            for cell in notebook.cells
            if "torch" not in cell.metadata.get("tags", ())
        ]
    where = {"metadata": {"path": str(tmp_path)}}
    # Raises what a cell raises.
    nbclient.NotebookClient(notebook, timeout=600, resources=where).execute()
    page = "report.html" if part == "npz" else "vae.html"
    assert "<svg" in (tmp_path / page).read_text(encoding="utf-8")


def test_notebook_has_its_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    printed = [
        str(output)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert sum("tc_mean" in text for text in printed) >= 3
