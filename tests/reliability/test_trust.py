# SPDX-License-Identifier: Apache-2.0
"""A folder from someone else is data, not a program."""

import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
import synthetic_study

from rtc_plugin.commands import main
from rtc_plugin.errors import UserError
from rtc_plugin.report import comparison as comparison_page
from rtc_plugin.report import page, rendering
from rtc_plugin.results import quantities
from rtc_plugin.results import table as results_table
from rtc_plugin.studies import study_folder, worker
from rtc_plugin.visualize import headline, latents, study
from rtc_plugin.zoo import compare

HOSTILE_NAME = r"$\frac{$ and \foo"
# Imported, it leaves a mark; its class is a whole study.
PROGRAM = """\
import os
open(os.environ["MARK"], "w").close()
def get_config():
    return [{}]
class Study:
    def get_model_config(self, model_num=0):
        return [], __file__
    def get_postprocess_config_files(self):
        return []
    get_eval_config_files = get_postprocess_config_files
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A folder whose `study.json` names a program; yields it and the program's mark."""
    (tmp_path / "someones_program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    yield write_study(tmp_path / "root", "someones_program:Study"), tmp_path / "mark"
    sys.modules.pop("someones_program", None)


def write_study(root, study, **more):
    root.mkdir()
    (root / "study.json").write_text(json.dumps({"study": study, **more}))
    return str(root)


@pytest.mark.parametrize("verb", ["status", "collect", "report", "headline", "hparams"])
def test_a_folder_s_word_runs_no_code(verb, program, capsys):
    root, mark = program
    assert main.main(["study", verb, f"--root={root}"]) == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown and shown.splitlines()[-1].startswith("rtc: ")
    assert not mark.exists()


def test_a_folder_s_program_runs_when_it_is_named_again(program, capsys):
    root, mark = program
    main.main(["study", "status", f"--root={root}"])
    remedy = "add --study=someones_program:Study to run it, if you trust"
    assert remedy in capsys.readouterr().err
    named = ["study", "status", f"--root={root}", "--study=someones_program:Study"]
    assert main.main(named) == 0
    assert capsys.readouterr().out == "1 waiting\n" and mark.exists()


def test_a_worker_takes_no_program_from_a_folder(program):
    root, mark = program
    with pytest.raises(UserError, match="which is a program"):
        worker.run(root, 0)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["os:abort", "builtins:exit", "rtc_plugin.runs:json"])
def test_what_is_no_study_is_not_called_even_when_named(name, tmp_path):
    root = write_study(tmp_path / "root", name)
    with pytest.raises(UserError, match="is no class like the library's Study"):
        study_folder.StudyFolder(root, name)


def test_the_study_that_is_named_must_be_the_folder_s(tmp_path):
    root = write_study(tmp_path / "root", "rtc_study_tiny")
    assert len(study_folder.StudyFolder(root).study) == 4
    with pytest.raises(UserError, match='holds the study "rtc_study_tiny", not --stu'):
        study_folder.StudyFolder(root, "rtc_study_small")


def test_a_folder_s_bindings_must_be_named_again(tmp_path):
    # gin imports what a binding tells it to import.
    bindings = ["import someones_program"]
    root = write_study(tmp_path / "root", "rtc_study_tiny", bindings=bindings)
    with pytest.raises(UserError, match="was begun with"):
        study_folder.open_study("rtc_study_tiny", root)


@pytest.mark.parametrize(
    "settings",
    [[], {}, {"study": 3}, {"study": ["os:abort"]}, {"study": "x\n"}]
    + [{"study": "rtc_study_tiny", "bindings": wrong} for wrong in ("x", [1], {})],
    ids=str,
)
def test_settings_of_a_wrong_form_are_named(settings, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="study.json has|study.json holds"):
        study_folder.StudyFolder(tmp_path)


@pytest.mark.parametrize(
    "verb",
    [
        ["visualize", "--model_dir=model", "-o", "out"],
        ["estimators", "model", "--model_dir=model", "-o", "out"],
        ["zoo", "evaluate", "model", "-o", "out"],
    ],
    ids=" ".join,
)
def test_a_module_wants_to_be_trusted(verb, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(verb) == 1
    shown = capsys.readouterr().err
    assert "a TFHub module is a program" in shown and "--trust" in shown
    assert os.listdir(tmp_path) == []


def test_a_name_is_no_formula_in_a_study_s_page(tmp_path):
    table = synthetic_study.study_table(seeds=1, datasets=["shapes3d_rendered"])
    for column in ("dataset", "train_config.dataset.name"):
        table[column] = HOSTILE_NAME
    table.loc[table["model"] == "dip_vae_i", "model"] = HOSTILE_NAME
    path = tmp_path / "page.html"
    page.write_page(table, None, str(path), title=HOSTILE_NAME)
    assert r"$\frac{$" in path.read_text()
    models = quantities.quantities(table)
    for draw in (study.tc_comparison, study.active_latents, study.scores):
        assert rendering.figure_svg(draw(models), HOSTILE_NAME)


def test_a_name_is_no_formula_in_other_figures():
    two = np.full((2, 2), 0.5)
    z = np.random.default_rng(0).standard_normal((50, 2))
    names = [HOSTILE_NAME, r"$\bad$"]
    curve = pd.DataFrame({"update": [0, 1], "num_active": [1, 2]})
    for name in ("tc_mean", "tc_sample", "tc_mean_active", "tc_sample_active"):
        curve[name] = 1.0
    cells = curve.assign(
        learnt=True, dataset=HOSTILE_NAME, strength=2.0, model="rtc_vae"
    )
    for fig in (
        latents.score_heat_maps(two, two, names),
        latents.top_two_scatter(
            z, np.zeros((50, 2)), names, np.array([[0, 1]] * 2), two, "R$^2$", ()
        ),
        headline.curves({HOSTILE_NAME: curve}),
        headline.disparity(cells),
        study.learning_curves(cells.assign(model=HOSTILE_NAME, weight=2.0, seed=0)),
    ):
        assert r"\foo" in str(rendering.figure_svg(fig, "hostile names"))


def test_a_name_is_no_formula_in_a_comparison(tmp_path):
    table = synthetic_study.study_table(seeds=2, datasets=["shapes3d_rendered"])
    table.loc[table["model"] == "dip_vae_i", "model"] = HOSTILE_NAME
    paths = []
    for name in ("own", "zoo"):
        paths.append(str(tmp_path / f"{name}.parquet"))
        table["origin"] = pd.Series(name, table.index, table["origin"].dtype)
        results_table.write(table, paths[-1])
    compared = compare.compare(paths[:1], paths[1:])
    compared.runs["quantity"] = HOSTILE_NAME
    assert comparison_page.write(compared, str(tmp_path / "out"))
