# SPDX-License-Identifier: Apache-2.0
"""Own runs against the zoo: who is compared with whom, what is said, and the page."""

import html.parser
import os
import re

import numpy as np
import pandas as pd
import pytest
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.report import comparison as page
from rtc_plugin.results import comparison as comparison_lib
from rtc_plugin.results import pitfalls
from rtc_plugin.results import table as results_table
from rtc_plugin.zoo import compare, numbers, published


def table(*models, origin="zoo"):
    """Makes a table of (number, {metric: value}, changes of the training)."""
    rows = []
    for number, values, changes in models:
        for metric, value in values.items():
            key = next(iter(zoo_files.METRICS[metric][0]))
            record = zoo_files.record(number, "mean", metric, {key: value}, **changes)
            rows += results_table.tidy_rows(record, origin, folder=str(number))
    return results_table.to_table(rows)


def write(path, *models, **kwargs):
    results_table.write(table(*models, **kwargs), path)
    return str(path)


def number(model, strength, seed, dataset="cars3d"):
    (found,) = numbers.select([], [dataset], [model], [strength], [seed])
    return found.model_num


@pytest.fixture
def zoo(tmp_path):
    """beta-VAE and FactorVAE at two strengths, three seeds; MIG 0.1 ... by seed."""
    models = [
        (number(model, strength, seed), {"mig": base + 0.01 * seed}, {})
        for model, strengths, base in (
            ("beta_vae", (4, 16), 0.1),
            ("factor_vae", (10, 50), 0.2),
        )
        for strength in strengths
        for seed in range(3)
    ]
    return write(tmp_path / "zoo.parquet", *models)


@pytest.fixture
def own(tmp_path):
    models = [
        (number("rtc_vae", 10, seed), {"mig": 0.15 + 0.01 * seed}, {})
        for seed in range(3)
    ]
    return write(tmp_path / "own.parquet", *models, origin="own")


def test_own_runs_are_placed_among_the_zoos(own, zoo):
    ranks = compare.compare([own], [zoo]).own_runs
    assert list(ranks["num_zoo"]) == [12, 12, 12]
    assert list(ranks["rank"]) == [7, 7, 7]  # behind the six FactorVAEs
    assert list(ranks["quantile"]) == [0.5] * 3


def test_lower_is_better_for_total_correlation(tmp_path):
    zoo = write(
        tmp_path / "zoo.csv",
        *[
            (number("beta_vae", 4, seed), {"unsupervised": 1.0 + seed}, {})
            for seed in range(4)
        ],
    )
    own = write(
        tmp_path / "own.csv", (number("rtc_vae", 10, 0), {"unsupervised": 0.5}, {})
    )
    comparison = compare.compare([own], [zoo])
    assert list(comparison.own_runs["rank"]) == [1]
    assert list(comparison.methods["improvement"]) == [1.0]
    assert comparison.methods["difference"].iloc[0] == pytest.approx(-2.0)


def test_methods_are_compared_over_strengths_and_paired_by_seed(own, zoo):
    methods = compare.compare([own], [zoo]).methods.set_index("zoo_model")
    beta = methods.loc["beta_vae"]
    assert (beta["num_own"], beta["num_zoo"], beta["num_pairs"]) == (3, 6, 3)
    assert beta["difference"] == pytest.approx(0.05)
    # Seeds move both alike, so that pairs have no spread.
    assert beta["paired_difference_low"] == pytest.approx(0.05)
    assert beta["paired_difference_high"] == pytest.approx(0.05)
    assert beta["difference_low"] < 0.05 < beta["difference_high"]
    assert beta["improvement"] == 1.0
    assert methods.loc["factor_vae"]["improvement"] == 0.0


def test_same_method_is_paired_at_the_same_strength(tmp_path, zoo):
    own = write(
        tmp_path / "own.parquet",
        (number("factor_vae", 10, 1), {"mig": 0.31}, {}),
        (number("factor_vae", 20, 2), {"mig": 0.9}, {}),
    )
    methods = compare.compare([own], [zoo]).methods.set_index("zoo_model")
    assert methods.loc["factor_vae"]["num_pairs"] == 1
    assert methods.loc["factor_vae"]["paired_difference"] == pytest.approx(0.1)


def test_improvement_compares_a_method_with_itself_at_the_same_strength(tmp_path):
    """Strengths move the score, and the own side is worse at each of them."""
    sides = {}
    for side, gap in (("own", -0.01), ("zoo", 0.0)):
        models = [
            (number("beta_vae", strength, seed), {"mig": strength / 20 + gap}, {})
            for strength in (4, 16)
            for seed in range(2)
        ]
        sides[side] = write(tmp_path / f"{side}.csv", *models)
    methods = compare.compare([sides["own"]], [sides["zoo"]]).methods
    assert list(methods["improvement"]) == [0.0]


def test_strength_with_a_single_run_leaves_no_interval(tmp_path, zoo):
    models = [
        (number("rtc_vae", strength, seed), {"mig": 0.1 * seed}, {})
        for strength, seed in ((2, 0), (6, 0), (6, 1))
    ]
    own = write(tmp_path / "own.csv", *models)
    comparison = compare.compare([own], [zoo])
    for name in ("difference", "improvement"):
        assert comparison.methods[name].notna().all()
        assert comparison.methods[f"{name}_low"].isna().all()
    text = page.render(comparison, {})
    assert "where one strength of either side has no second run" in text


@pytest.mark.parametrize("wrapper", ["correlated_gaussian", "tc_monitor"])
def test_wrapped_model_is_compared_as_the_model_it_wraps(tmp_path, zoo, wrapper):
    changes = {
        "model.model": f"@{wrapper}()",
        f"{wrapper}.model": "@discriminator_steps()",
        "discriminator_steps.model": "@factor_vae()",
        "correlated_gaussian.rho": 0.6 if wrapper == "correlated_gaussian" else None,
    }
    models = [
        (number("factor_vae", 10, seed), {"mig": 0.2 + seed}, changes)
        for seed in range(2)
    ]
    own = write(tmp_path / "own.csv", *models)
    runs = compare.compare([own], [zoo]).runs
    found = runs[runs["role"] == "own"]
    assert set(found["model"]) == {"factor_vae"} and set(found["strength"]) == {10.0}
    noise = {p.title: p for p in pitfalls.find(runs)}["Correlated noise"].affected
    is_own = list(runs["role"] == "own")
    assert list(noise) == (is_own if wrapper == "correlated_gaussian" else [False] * 14)


def test_model_without_a_known_strength_is_compared_all_the_same(tmp_path, zoo):
    models = [
        (number("rtc_vae", 10, seed), {"mig": 0.15 + seed}, {"model.model": "@mine()"})
        for seed in range(3)
    ]
    own = write(tmp_path / "own.parquet", *models)
    comparison = compare.compare([own], [zoo])
    assert set(comparison.methods["own_model"]) == {"mine"}
    assert comparison.methods["difference_low"].notna().all()
    mine = comparison.groups[comparison.groups["model"] == "mine"]
    assert list(mine["num_runs"]) == [3]
    written = page.write(comparison, str(tmp_path / "out"))
    assert all(os.path.getsize(path) for path in written)


def test_bindings_of_the_wrong_type_do_not_end_a_comparison(tmp_path, zoo):
    changes = {
        "encoder.encoder_fn": 3,
        "annealed_vae.iteration_threshold": "soon",
        "correlated_gaussian.rho": "much",
    }
    model = number("annealed_vae", 10, 0), {"mig": 0.1}, changes
    odd = write(tmp_path / "odd.parquet", model)
    comparison = compare.compare([odd], [zoo, odd])
    assert page.render(comparison, {})


def test_groups_are_methods_at_strengths(own, zoo):
    groups = compare.compare([own], [zoo]).groups
    cell = groups[(groups.model == "factor_vae") & (groups.strength == 50)].iloc[0]
    assert cell["num_runs"] == 3
    assert (cell["mean"], cell["median"]) == pytest.approx((0.21, 0.21))
    assert (cell["minimum"], cell["maximum"]) == pytest.approx((0.2, 0.22))
    assert cell["mean_low"] <= 0.21 <= cell["mean_high"]


def test_what_training_logs_is_no_score():
    models = table((number("rtc_vae", 10, 0), {"mig": 0.2}, {}))
    logged = models.assign(
        representation="", metric="training", score="total_correlation", value=1.0
    )
    runs = comparison_lib.to_runs(pd.concat([models, logged]), "own")
    assert list(runs["quantity"]) == ["MIG"]


def test_same_input_gives_the_same_numbers(own, zoo):
    first, second = (compare.compare([own], [zoo]) for _ in range(2))
    pd.testing.assert_frame_equal(first.methods, second.methods)


def test_key_that_two_metrics_share_is_not_mixed(tmp_path):
    values = {"beta_vae_sklearn": 0.9, "factor_vae_metric": 0.5}
    zoo = write(tmp_path / "zoo.csv", (number("beta_vae", 4, 0), values, {}))
    own = write(tmp_path / "own.csv", (number("rtc_vae", 10, 0), values, {}))
    ranks = compare.compare([own], [zoo]).own_runs.set_index("quantity")
    assert ranks["value"].to_dict() == {"BetaVAE score": 0.9, "FactorVAE score": 0.5}


def test_zips_and_folders_serve_as_well_as_tables(tmp_path, own):
    folder = tmp_path / "zips"
    folder.mkdir()
    for seed in range(2):
        zoo_files.write_model(folder, number("beta_vae", 4, seed))
    assert list(compare.compare([own], [str(folder)]).methods["num_zoo"]) == [2]


def test_nothing_in_common_says_what_each_side_has(tmp_path, own):
    zoo = write(
        tmp_path / "zoo.csv", (number("beta_vae", 4, 0, "smallnorb"), {"mig": 0.1}, {})
    )
    with pytest.raises(UserError, match="own has MIG on cars3d.*MIG on smallnorb"):
        compare.compare([own], [zoo])


def test_without_own_runs_rtc_vae_of_the_zoo_takes_their_place(tmp_path):
    zoo = write(
        tmp_path / "zoo.csv",
        (number("beta_vae", 4, 0), {"mig": 0.1}, {}),
        (number("rtc_vae", 10, 0), {"mig": 0.2}, {}),
    )
    comparison = compare.compare([], [zoo])
    assert "RTC-VAE models take their place" in comparison.notice
    assert list(comparison.methods["own_model"]) == ["rtc_vae"]


def test_without_own_runs_and_rtc_vae_there_is_nothing_to_do(zoo):
    with pytest.raises(UserError, match="needs own runs"):
        compare.compare([], [zoo])


# Pitfalls.


def find(own, zoo):
    runs = pd.concat(
        [comparison_lib.to_runs(own, "own"), comparison_lib.to_runs(zoo, "zoo")],
        ignore_index=True,
    )
    found = {p.title: p for p in pitfalls.find(runs)}
    return runs, found


def test_factor_vaes_half_steps_are_marked():
    zoo = table((number("factor_vae", 10, 0), {"mig": 0.1}, {}))
    own = table((number("rtc_vae", 10, 0), {"mig": 0.1}, {}))
    runs, found = find(own, zoo)
    affected = found["FactorVAE counts two steps per update"].affected
    assert list(affected) == list(runs["model"] == "factor_vae")


def test_half_steps_of_an_rtc_vae_that_counts_like_factor_vae_are_marked():
    counts = {"rtc_vae.count_discriminator_step": True}
    zoo = table((number("beta_vae", 4, 0), {"mig": 0.1}, {}))
    own = table(
        (number("rtc_vae", 10, 0), {"mig": 0.1}, counts),
        (number("rtc_vae", 10, 1), {"mig": 0.1}, {}),
    )
    runs, found = find(own, zoo)
    affected = found["FactorVAE counts two steps per update"].affected
    is_told = (runs["model"] == "rtc_vae") & (runs["seed"] == 0)
    assert is_told.any()
    assert list(affected) == list(is_told)


def measured(number, results, **kwargs):
    record = zoo_files.record(number, "mean_and_logvar", "mig", results)
    return results_table.to_table(results_table.tidy_rows(record, "own", **kwargs))


def test_saturated_mixtures_are_marked():
    own, zoo = (
        measured(
            number(model, strength, 0),
            {"total_correlation": 3.0, "index_code_mi_saturated": saturated},
        )
        for model, strength, saturated in (
            ("rtc_vae", 10, True),
            ("beta_vae", 4, False),
        )
    )
    runs, found = find(own, zoo)
    saturation = found["Mixture of few images"]
    is_mixture = runs["quantity"] == "TC of the exact mixture"
    assert list(saturation.affected) == list(is_mixture & (runs["role"] == "own"))
    assert saturation.is_found and "1 of 2 models" in saturation.text
    unknown = table((number("beta_vae", 4, 1), {"mig": 0.1}, {}))
    assert "not known" in find(unknown, unknown)[1]["Mixture of few images"].text


@pytest.mark.parametrize("num_active, is_there", [(0, False), (1, False), (2, True)])
def test_one_active_latent_has_no_total_correlation(num_active, is_there):
    values = {"tc_mean": 1.0, "tc_mean_active": 0.0, "num_active": num_active}
    runs = comparison_lib.to_runs(measured(number("rtc_vae", 10, 0), values), "own")
    assert ("TC of means, active latents" in set(runs["quantity"])) == is_there
    assert "TC of means" in set(runs["quantity"])


def test_the_tree_stands_beside_the_neighbours():
    values = {"knn_sample": 0.1, "tree_sample": 2.0, "lower_bound_sample": 2.0}
    runs = comparison_lib.to_runs(measured(number("rtc_vae", 10, 0), values), "own")
    found = dict(zip(runs["quantity"], runs["value"]))
    assert found["non-Gaussian TC of samples (kNN)"] == 0.1
    assert found["non-Gaussian TC of samples (tree)"] == 2.0
    assert found["TC of samples, lower bound"] == 2.0


@pytest.mark.parametrize(
    "title, changes, words",
    [
        ("Batch size", {"model.batch_size": 500}, "own 500; the zoo's 64"),
        ("Training steps", {"model.training_steps": 9}, "own 9; the zoo's 300,000"),
        ("Networks", {"encoder.num_latent": 6}, "own 6; the zoo's 10"),
        ("Rendered twins", {"dataset.name": "dsprites_rendered"}, "drawn anew"),
    ],
)
def test_training_that_differs_is_marked_on_own_runs(title, changes, words):
    zoo = table((number("beta_vae", 4, 0), {"mig": 0.1}, {}))
    same = table((number("rtc_vae", 10, 0), {"mig": 0.1}, {}))
    other = table((number("rtc_vae", 10, 0), {"mig": 0.1}, changes))
    assert not find(same, zoo)[1][title].is_found
    runs, found = find(other, zoo)
    assert list(found[title].affected) == list(runs["role"] == "own")
    assert words in found[title].text


@pytest.mark.parametrize(
    "title, metric, parameter, theirs, ours, said",
    [
        (
            "SAP by classifier or by R2",
            "sap_score",
            "sap_score.continuous_factors",
            "False",
            "True",
            "Here it differs.",
        ),
        (
            "Sample sizes",
            "mig",
            "mig.num_train",
            "10000",
            "500",
            r"Used here: .*MIG.* \(own\): 500 \(train\);.* \(zoo\): 10,000 \(train\)",
        ),
        (
            "Bins of MIG and modularity",
            "mig",
            "discretizer.num_bins",
            "20",
            "50",
            "Here it differs.",
        ),
    ],
)
def test_metric_computed_otherwise_is_marked(
    tmp_path, title, metric, parameter, theirs, ours, said
):
    from rtc_plugin.zoo import scores

    tables = []
    for name, value, chosen in (
        ("own", ours, number("rtc_vae", 10, 0)),
        ("zoo", theirs, number("beta_vae", 4, 0)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        zoo_files.write_model(folder, chosen, settings={parameter: value})
        tables.append(scores.read([folder])[0])
    runs, found = find(*tables)
    marked = runs[found[title].affected]
    assert set(marked["role"]) == {"own"}
    assert metric in set(marked["metric"])
    assert re.search(said, found[title].text)
    _, same = find(tables[1], tables[1])
    assert not same[title].is_found


def test_setting_that_is_not_recorded_is_unknown_and_not_different():
    own = table((number("rtc_vae", 10, 0), {"mig": 0.1}, {}))
    zoo = table((number("beta_vae", 4, 0), {"mig": 0.1}, {}))
    rows = zoo.to_dict("records")
    rows.append({**rows[0], "score": "setting/mig.num_train", "value": 10000.0})
    _, found = find(own, results_table.to_table(rows))
    assert not found["Sample sizes"].is_found
    assert "not recorded" in found["Sample sizes"].text


def test_sample_sizes_are_those_that_were_handed_over():
    """A metric inside rtc_metrics takes its images, whatever its own number says."""
    models = table((number("beta_vae", 4, 0), {"mig": 0.1}, {}))
    (row,) = models.to_dict("records")
    row["metric"] = "rtc_metrics"
    settings = {"rtc_metrics.num_train": 2000.0, "tc_disparity.num_train": 5000.0}
    rows = [{**row, "score": "tc_mean"}] + [
        {**row, "score": f"setting/{name}", "value": value}
        for name, value in settings.items()
    ]
    rows = results_table.to_table(rows)
    _, found = find(rows, rows)
    assert found["Sample sizes"].text.endswith("Used here: TC of means: 2,000 (train).")
    assert "The study trained for 300,000 steps." in found["Training steps"].text


def test_models_that_have_not_learnt_are_marked():
    rows = []
    for seed, loss in enumerate((100.0, 780.0, 100.0)):
        models = table(
            (
                number("beta_vae", 4, seed),
                {"mig": 0.1},
                {"dataset.name": "dsprites_rendered"},
            )
        )
        (row,) = models.to_dict("records")
        rows += [
            row,
            {
                **row,
                "metric": "training",
                "score": "reconstruction_loss",
                "value": loss,
            },
            {**row, "score": "num_active", "value": float(seed < 2)},
        ]
    models = results_table.to_table(rows)
    runs, found = find(models, models)
    # A loss near the best constant image's 782, and a model without an active latent.
    assert set(runs.loc[found["Not learnt"].affected, "seed"]) == {1, 2}
    other = models.assign(**{"train_config.reconstruction_loss.loss_fn": "@l2_loss"})
    runs, found = find(other, other)
    assert set(runs.loc[found["Not learnt"].affected, "seed"]) == {2}


def test_what_is_so_of_all_rows_is_said_once(own, zoo):
    text = page.render(compare.compare([own], [zoo]), {"cars3d": []})
    head = text[: text.index("<nav")]
    assert "Of every number here" in head and "fewer than five seeds" in head
    (mark,) = re.findall(r'href="#pitfall-(.)">.</a> fewer than five', head)
    assert f'<a class="mark" href="#pitfall-{mark}">' not in text[len(head) :]


def test_strengths_are_named(own, zoo):
    text = page.render(compare.compare([own], [zoo]), {"cars3d": []})
    assert "FactorVAE gamma 10, 50; RTC-VAE beta" in text
    assert ">gamma 50</td>" in text


def test_long_tables_and_the_long_notice_are_folded(own, zoo):
    comparison = compare.compare([own], [zoo])._replace(notice="Short.\nLong.")
    text = page.render(comparison, {"cars3d": []})
    assert "<summary>Short.</summary><p>Long.</p></details>" in text
    tables = re.findall(r'<table class="sortable"', text)
    assert len(tables) == len(
        re.findall(r'<details class="fold"><summary>.* rows<', text)
    )


def test_passive_latents_are_marked_where_they_inflate_a_total_correlation():
    rows = []
    for chosen, passive in ((number("beta_vae", 4, 0), 5), (1, 0)):
        record = zoo_files.record(
            chosen, "mean_and_logvar", "mig", {"tc_mean": 11.0, "num_passive": passive}
        )
        rows += results_table.tidy_rows(record)
        # A second number of the same model, of which it stays one.
        record = zoo_files.record(chosen, "mean", "unsupervised")
        rows += results_table.tidy_rows(record)
    own = table((number("rtc_vae", 10, 0), {"mig": 0.1}, {}))
    runs, found = find(own, results_table.to_table(rows))
    pitfall = found["Dead latents inflate the Gaussian TC of means"]
    assert list(pitfall.affected) == list(
        (runs["num_passive"] == 5)
        & runs["quantity"].isin(["TC of means", "Gaussian TC"])
    )
    assert "1 of 2 models" in pitfall.text


def test_annealed_vae_that_never_reached_its_capacity_is_marked():
    chosen = number("annealed_vae", 10, 0)
    zoo = table((chosen, {"mig": 0.1}, {}))
    short = table((chosen, {"mig": 0.1}, {"model.training_steps": 1000}))
    assert not find(zoo, zoo)[1]["AnnealedVAE cut short"].is_found
    assert find(short, zoo)[1]["AnnealedVAE cut short"].is_found


# What is written.


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.targets, self.fetched = set(), set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        if tag == "a":
            self.targets.add(attributes["href"])
        if tag in ("script", "link", "img", "image", "iframe"):
            self.fetched += [
                attributes[k] for k in ("src", "href", "xlink:href") if k in attributes
            ]


def test_page_tables_and_figures_are_written(own, zoo, tmp_path):
    out = tmp_path / "out"
    written = page.write(compare.compare([own], [zoo]), str(out))
    assert sorted(path.name for path in out.iterdir()) == [
        "cars3d.png",
        "cars3d.svg",
        "groups.csv",
        "groups.parquet",
        "index.html",
        "methods.csv",
        "methods.parquet",
        "own_runs.csv",
        "own_runs.parquet",
    ]
    assert len(written) == 9
    text = (out / "index.html").read_text()
    links = Links()
    links.feed(text)
    assert {target[1:] for target in links.targets} <= links.ids
    assert all(source.startswith("data:") for source in links.fetched)
    for words in ("RTC-VAE", "FactorVAE counts two steps", "7 of 13", "Figure 7"):
        assert words in text


def test_page_escapes_what_comes_from_tables(own, zoo):
    comparison = compare.compare([own], [zoo])
    evil = comparison._replace(notice="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page.render(evil, {})


def test_published_numbers_have_a_source_and_a_place():
    known = published.read()
    assert (known[["dataset", "quantity", "source", "place"]] != "").all(axis=None)
    assert known["value"].between(0, 1).all()
    assert np.issubdtype(known["strength"].dtype, np.floating)
