# SPDX-License-Identifier: Apache-2.0
"""What a page holds; `test_page_in_browser.py` has what it does."""

import html.parser
import json
import pathlib
import re
import runpy

import matplotlib
import pandas as pd
import pytest
import synthetic_study

from rtc_plugin.errors import UserError
from rtc_plugin.report import page, rendering
from rtc_plugin.results import quantities
from rtc_plugin.results import table as results_table

PAPER = "https://arxiv.org/abs/2009.05739"
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Reader(html.parser.HTMLParser):
    """Collects ids, the attributes of all elements, and tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.wrong = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(tag)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def read(study_page):
    return Reader(study_page.read_text())


def test_tags_match_and_ids_are_unique(read):
    assert not read.wrong and not read.open
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_it_refers_to_nothing_outside(read):
    for _, attributes in read.elements:
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            if attributes.get(name, PAPER) != PAPER:  # A link, which loads nothing.
                assert attributes[name].startswith(("#", "data:"))


def test_links_and_labels_lead_somewhere(read):
    ids = {attributes.get("id") for _, attributes in read.elements}
    ids |= {i[len("data-") :] for i in ids if i and i.startswith("data-")}
    targets = [attributes["href"] for attributes in read.all("a")]
    assert PAPER in targets
    assert {target[1:] for target in targets if target != PAPER} <= ids
    for attributes in read.all("label"):
        assert attributes["for"] in ids
    labelled = {attributes["for"] for attributes in read.all("label")}
    for tag in ("select", "input"):
        assert {attributes["id"] for attributes in read.all(tag)} <= labelled


def test_the_tree_alone_is_drawn_beside_the_gaussian(study_table, tmp_path):
    table = study_table.replace({"score": {"knn_sample": "tree_sample"}})
    page.write_page(table, None, str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text()
    assert 'id="caption-non_gaussian"' in text and "TC sample, tree" in text


def test_pictures_and_tables_have_names(read):
    for attributes in read.all("svg"):
        assert attributes["role"] == "img" and attributes["aria-label"]
    captions = len(read.all("caption"))
    filled_by_script = [a for a in read.all("table") if a.get("class") == "heat"]
    assert captions == len(read.all("table")) - len(filled_by_script)
    for attributes in read.all("th"):
        assert attributes["scope"] in ("col", "row", "rowgroup")


def test_every_claim_and_figure_is_there(study_page):
    text = study_page.read_text()
    for number in range(1, 9):
        assert f'<article class="card claim" id="C{number}">' in text
    for name, *_ in page.FIGURES:
        assert f'id="figure-{name}"' in text


def test_the_results_table_has_a_row_per_model(study_table, study_page):
    text = study_page.read_text()
    table = re.search(r'id="results-table".*?</table>', text, re.DOTALL)[0]
    rows = re.findall(r"<tr><td[ >].*?</tr>", table, re.DOTALL)
    assert len(rows) == 4 * 3
    with_explorer = [row for row in rows if "<a href" in row]
    assert len(with_explorer) == 4
    tc_mean = study_table.iloc[0]["value"]
    assert f'data-value="{tc_mean}"' in table


def test_the_data_of_a_model_survive_the_script_element(study_page):
    text = study_page.read_text()
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text)
    assert len(data) == 4
    record = json.loads(data[0])
    assert record["gin"] == "# a </script> in a comment\nmodel.random_seed = 0\n"
    assert record["pictures"]["walks"].startswith("data:image/jpeg;base64,")
    assert dict(record["scores"])["active latents"] == "6"  # The first is FactorVAE.


def test_text_is_escaped(bare_table, tmp_path):
    path = tmp_path / "page.html"
    page.write_page(bare_table, None, str(path), title="<b>&", note="1 < 2")
    assert "<h1>&lt;b&gt;&amp;</h1>" in path.read_text()
    assert '<p class="note">1 &lt; 2</p>' in path.read_text()


def test_explorers_are_left_out_where_the_page_would_be_too_large(
    study_table, study_root, tmp_path
):
    path = tmp_path / "page.html"
    table = study_table[study_table["model"] == "rtc_vae"]
    page.write_page(table, study_root, str(path))
    whole = path.stat().st_size
    page.write_page(table, study_root, str(path), max_bytes=whole - 10_000)
    assert path.stat().st_size <= whole - 10_000
    assert "1 further models are left out" in path.read_text()


def test_a_page_without_folders_has_all_but_the_explorer(tmp_path):
    path = tmp_path / "page.html"
    table = synthetic_study.study_table(
        seeds=1, models=["rtc_vae"], datasets=["dsprites_rendered"]
    )
    page.write_page(table, None, str(path))
    text = path.read_text()
    assert 'id="figure-disparity"' in text and 'id="explorer"' not in text


@pytest.fixture
def bare_table():
    record = {
        "train_config.dataset.name": "'x'",
        "train_config.model.model": "@my_own_vae()",
        "evaluation_config.evaluation.evaluation_fn": "@mig",
        "evaluation_results.discrete_mig": 0.25,
    }
    return results_table.to_table(results_table.tidy_rows(record))


def test_a_table_of_one_bare_score_makes_a_page(bare_table, tmp_path):
    path = tmp_path / "page.html"
    page.write_page(bare_table, None, str(path))
    assert "my_own_vae" in path.read_text()


def test_an_empty_table_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="empty.*rtc study collect"):
        page.write_page(results_table.to_table([]), None, str(tmp_path / "page.html"))
    assert not list(tmp_path.iterdir())


def test_a_damaged_explorer_is_named(tmp_path):
    table = synthetic_study.study_table(seeds=1, models=["rtc_vae"])
    folder = tmp_path / "0" / "explorer"
    folder.mkdir(parents=True)
    (folder / "explorer.json").write_text('{"half": ')
    with pytest.raises(UserError, match="0/explorer/explorer.json is damaged"):
        page.write_page(table, str(tmp_path), str(tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()


def test_a_model_that_has_not_learnt_is_named_on_the_page(tmp_path):
    def scores(dataset, model, strength, seed, random):
        results = synthetic_study.scores_in_line_with_the_paper(
            dataset, model, strength, seed, random
        )
        if (model, strength, seed) == ("dip_vae_ii", 2.0, 1):
            results["num_active"] = 0
        return results

    path = tmp_path / "page.html"
    datasets = ["dsprites_rendered"]
    table = synthetic_study.study_table(scores, seeds=2, datasets=datasets)
    page.write_page(table, None, str(path))
    text = path.read_text()
    assert "dsprites_rendered, DIP-VAE-II 2, seed 1, no. 13: no active latent" in text
    summary = re.search(r'<section id="summary".*?</section>', text, re.DOTALL)[0]
    rows = re.findall(r'<tr( class="apart")?><th[^>]*>(.*?)</th>', summary)
    apart = 'DIP-VAE-II 2 <span class="range">not learnt</span>'
    assert ("", "DIP-VAE-II 2") in rows and rows[-1] == (' class="apart"', apart)
    assert "<strong>6 of 6 so far; 3 per cell needed.</strong>" in text
    # No table has the tree's number, so there is no column for it.
    assert ">TC sample, tree<" not in text and ">TC sample, neighbours<" in text


def test_a_page_opens_with_what_it_is_worth(study_table):
    models = quantities.quantities(study_table)
    said = dict(page.worth(models))
    assert said["Seeds"] == (
        "1 per data set, model and strength, 12 models in all. A verdict takes 3, "
        "which 0 of 12 have."
    )
    # FactorVAE's 100 steps are 50 updates.
    assert said["Updates"] == (
        "50 to 100, of 32 images each: at least 0.0083 % of the images that the "
        "library's study trains with (300,000 batches of 64)."
    )
    assert said["Data"].startswith("shapes3d_rendered. Twins")
    other = models.assign(updates=float("nan"), dataset="cars3d")
    said = dict(page.worth(other))
    assert said["Updates"] == "How long they were trained is not recorded."
    assert said["Data"] == "cars3d."


def test_a_model_has_one_number_everywhere(study_table, study_page, read):
    for row in quantities.quantities(study_table).to_dict("records"):
        assert row["number"] == row["model_num"]
    links = [a["href"] for a in read.all("a") if "aria-label" in a]
    assert links == ["#model-0", "#model-3", "#model-9", "#model-11"]
    assert 'value="model-9">RTC-VAE 2, seed 0, no. 9</option>' in study_page.read_text()


def test_models_of_two_studies_get_numbers_of_their_own(study_table):
    again = study_table.assign(folder="other/" + study_table["folder"])
    both = pd.concat([study_table, again], ignore_index=True)
    assert list(quantities.quantities(both)["number"]) == list(range(1, 25))


def test_verdicts_on_active_latents_stand_beside_the_others(study_page):
    card = re.search(r'id="C1">.*?</article>', study_page.read_text(), re.DOTALL)[0]
    assert "On the active latents alone: 0 of 3 so far; 3 per cell needed" in card


def test_the_first_line_of_a_note_is_seen_and_the_rest_unfolds(bare_table, tmp_path):
    path = tmp_path / "page.html"
    page.write_page(bare_table, None, str(path), note="In short.\nAt <length>.")
    note = "<summary>In short.</summary><p>At &lt;length&gt;.</p></details>"
    assert note in path.read_text()


HOSTILE = "$\\frac{$<b>&\"'" + "long_" * 60


def test_hostile_names_make_a_page(tmp_path):
    """As a formula matplotlib would refuse them, as HTML a browser obey them."""
    table = synthetic_study.study_table(seeds=1, datasets=["dsprites_rendered"])
    for column, name in (("dataset", "dsprites_rendered"), ("model", "rtc_vae")):
        table[column] = table[column].replace({name: HOSTILE})
    path = tmp_path / "page.html"
    page.write_page(table, None, str(path), title=HOSTILE, note=HOSTILE)
    reader = Reader(path.read_text())
    assert not reader.wrong and not reader.open and not reader.all("b")
    drawn = "$\\frac{$&lt;b&gt;&amp;" in path.read_text()
    assert drawn


def test_the_same_table_gives_the_same_page(
    study_table, study_root, study_page, tmp_path
):
    path = tmp_path / "page.html"
    page.write_page(study_table, study_root, str(path))
    assert path.read_bytes() == study_page.read_bytes()


def test_a_page_is_made_anew_from_itself(study_table, study_root, tmp_path):
    script = pathlib.Path(__file__).parents[2] / "scripts/maintenance/remake_page.py"
    remake = runpy.run_path(str(script))["remake"]
    path = tmp_path / "report.html"
    page.write_page(study_table, study_root, str(path), title="<&>", note="Anew.")
    first = path.read_bytes()
    results_table.write(study_table, str(tmp_path / "results.parquet"))
    remake(str(tmp_path), "Anew.")
    assert path.read_bytes() == first


def test_learning_curves_are_drawn_over_updates():
    models = pd.DataFrame(
        {"model": "factor_vae", "weight": 2.0, "seed": 0, "steps_per_update": [2]}
    )
    curves = {"step": [0.0, 200.0], "tc_mean": [1.0, 2.0], "tc_sample": [1.0, 1.0]}
    drawn = page._curves(models, [{"curves": curves}])
    assert drawn["update"].tolist() == [0.0, 100.0]


def test_figures_follow_the_theme():
    from matplotlib import figure

    fig = figure.Figure(figsize=(2, 2))
    axes = fig.subplots()
    axes.plot([0, 1], color="black")
    axes.set_title("words")
    svg = rendering.figure_svg(fig, 'a "curve"')
    assert "currentColor" in svg and "#000000" not in svg
    assert ">words</text>" in svg
    assert 'aria-label="a &#34;curve&#34;"' in svg


def test_digits_of_a_column_are_fixed():
    assert page.format_number(10.0, 3) == "10.000"
    assert page.format_number(float("nan"), 3) == ""


def test_text_of_figures_is_in_the_font_of_the_page():
    from matplotlib import figure

    fig = figure.Figure(figsize=(2, 2))
    fig.suptitle("words")
    assert "font-family" not in rendering.figure_svg(fig, "words")


@pytest.mark.parametrize(
    "value, text",
    [(None, ""), (float("nan"), ""), (3.0, "3"), (0.12345, "0.123"), (131.26, "131.3")],
)
def test_numbers_are_short(value, text):
    assert page.format_number(value) == text


def test_the_style_of_the_process_does_not_reach_the_page(
    study_table, study_root, study_page, tmp_path
):
    """Seaborn's, say, which the library's unified scores set."""
    grey = {"text.color": ".15", "xtick.color": ".15", "axes.grid": True}
    with matplotlib.rc_context(grey):
        page.write_page(study_table, study_root, str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text() == study_page.read_text()


@pytest.mark.parametrize("text", ["[]", "{", '{"plugin_version": [1]}'])
def test_a_study_json_that_is_none_leaves_the_version_open(bare_table, tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    page.write_page(bare_table, str(tmp_path), str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").exists()
