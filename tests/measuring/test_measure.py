# SPDX-License-Identifier: Apache-2.0
"""`measure`: arrays in, a report out; or one line that says what is wrong."""

import doctest
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import rtc_plugin
from rtc_plugin import measure, measuring
from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.measuring import arrays as arrays_lib
from rtc_plugin.measuring import registry, suite
from rtc_plugin.results import comparison
from rtc_plugin.results import table as results_table

CHEAP = ("tc_disparity", "mig", "sap_r2")


def make(num_rows=400, num_latent=4, seed=0):
    random = np.random.default_rng(seed)
    factors = random.integers([4, 3, 5], size=(num_rows, 3))
    z = factors @ random.standard_normal((3, num_latent))
    z = z + 0.3 * random.standard_normal(z.shape)
    return z, factors, np.full(z.shape, -2.0)


def test_importing_it_loads_nothing_heavy(tmp_path):
    code = "import sys; from rtc_plugin import measure; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    ).stdout.split()
    heavy = {"numpy", "scipy", "sklearn", "pandas", "numba", "tensorflow", "gin"}
    assert "rtc_plugin.measuring" in loaded and not heavy & set(loaded)


def test_the_function_hides_no_module():
    assert callable(rtc_plugin.measure)
    with pytest.raises(ModuleNotFoundError):
        __import__("rtc_plugin.measure")
    assert "measure" in dir(rtc_plugin)
    with pytest.raises(AttributeError):
        _ = rtc_plugin.no_such_thing


def test_its_example_runs():
    found = doctest.testmod(measuring)
    assert found.attempted and not found.failed


def test_every_score_is_told_of_once_and_belongs_to_a_metric():
    rows = list(registry._table())
    assert len({row[0] for row in rows}) == len({row[1:3] for row in rows}) == len(rows)
    assert {score.metric for score in registry.SCORES.values()} == set(suite.METRICS)
    for score in registry.SCORES.values():
        assert score.direction in ("higher", "lower", "")
        assert score.definition in ("paper", "study", "standalone", "plugin")
        assert score.range[0] < score.range[1] and score.blind


def test_a_metric_gives_the_same_numbers_whatever_else_is_computed_and_where():
    z, factors, logvar = make()
    alone = measure(z, factors, logvar=logvar, metrics="tc_disparity")
    both = measure(z, factors, logvar=logvar, metrics=CHEAP, n_jobs=2)
    assert alone.results["tc_disparity"] == both.results["tc_disparity"]
    one = measure(z, factors, logvar=logvar, metrics=CHEAP)
    assert one.results == both.results
    other = measure(z, factors, logvar=logvar, metrics=CHEAP, random_state=1)
    assert other.results["tc_disparity"] != one.results["tc_disparity"]


def test_a_report_is_a_table_a_frame_json_and_a_page():
    z, factors, logvar = make()
    names = ["hue", "shape", "size"]
    metrics = (*CHEAP, "factor_disintegration", "factor_vae")
    report = measure(z, factors, logvar=logvar, factor_names=names, metrics=metrics)
    text = str(report)
    assert "tc_mean" in text and "nats, lower is better" in text
    assert "not computed: factor_vae: needs a sampler" in text
    frame = report.to_frame().set_index("score")
    assert frame.loc["mig", "value"] == report.scores["mig"].value
    assert frame.loc["mig", "better"] == "higher"
    assert np.isnan(frame.loc["factor_vae", "value"])
    told = json.loads(report.to_json())
    assert told["scores"]["mig"]["value"] == report.scores["mig"].value
    assert told["results"]["tc_disparity"]["signal_share"][0] > 0.5
    assert set(report.figures()) == {
        "latents",
        "scores",
        "top2_r2",
        "top2_nmi",
        "pairs",
    }
    page = report.to_html("My <model>")
    assert "..</p>" not in page
    assert page.count("<svg") == 5 and "My &lt;model&gt;" in page
    assert "hue" in page and 'src="http' not in page


def test_a_model_stands_in_a_comparison():
    z, factors, logvar = make()
    tables = [
        measure(z, factors, logvar=logvar, metrics=CHEAP, random_state=seed).to_table(
            model, "dsprites_full", seed=seed
        )
        for model, seed in (("hers", 0), ("hers", 1), ("study", 0), ("study", 1))
    ]
    own = pd.concat(tables[:2], ignore_index=True)
    zoo = pd.concat(tables[2:], ignore_index=True)
    compared = comparison.compare_tables(own, zoo, "")
    found = set(zip(compared.runs["quantity"], compared.runs["representation"]))
    assert {("MIG", "mean"), ("TC of means", "mean_and_logvar")} <= found
    assert set(compared.own_runs["model"]) == {"hers"}


def test_a_table_is_read_back(tmp_path):
    z, factors, _ = make()
    table = measure(z, factors, metrics="mig").to_table("hers", "shapes3d", seed=3)
    results_table.write(table, str(tmp_path / "scores.parquet"))
    back = results_table.read(tmp_path / "scores.parquet")
    row = back[back["score"] == "discrete_mig"].iloc[0]
    assert (row["model"], row["dataset"], row["seed"]) == ("hers", "shapes3d", 3)
    assert (row["representation"], row["metric"]) == ("mean", "mig")


def test_without_factors_and_variances_the_rest_is_told():
    z, factors, logvar = make()
    report = measure(z, metrics=("tc_disparity", "elbo_decomposition", "mig"))
    assert report.scores["tc_mean"].value > 0
    assert "mean_and_logvar" in report.scores["tc_sample"].reason
    assert report.lacking == {"elbo_decomposition": "logvar", "mig": "factors"}


def test_samples_stand_for_log_variances():
    z, _, logvar = make(5000)
    drawn = z + np.exp(logvar / 2) * np.random.default_rng(1).standard_normal(z.shape)
    by_draw = measure(z, samples=drawn, metrics="tc_disparity")
    by_formula = measure(z, logvar=logvar, metrics="tc_disparity")
    errors = by_formula.results["tc_disparity"]
    for name in ("tc_mean", "tc_sample", "tc_gap"):
        tolerance = 4 * errors[f"{name}_stderr"]
        expected = by_formula.scores[name].value
        assert by_draw.scores[name].value == pytest.approx(expected, abs=tolerance)
    assert "logvar" not in by_draw.scores["tc_sample"].reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codes": np.zeros(5)}, "codes: has shape [5]"),
        ({"codes": np.array([["a"]])}, "codes: holds text"),
        ({"codes": np.eye(4)}, "codes: 4 rows for 4 latents"),
        ({"codes": np.zeros((400, 4))}, "codes: all 4 latents are constant"),
        ({"logvar": np.zeros((400, 3))}, "logvar: has shape [400, 3], but codes [400"),
        ({"logvar": np.full((400, 4), 800.0)}, "logvar: the largest is 800"),
        ({"samples": np.zeros((400, 4))}, "logvar and samples: both say"),
        ({"factors": np.zeros((3, 2))}, "factors: 3 rows, but codes 400"),
        ({"factors": np.zeros((400, 2, 2))}, "factors: has shape [400, 2, 2]"),
        ({"factor_names": ["a"]}, "factor_names: 1 names for 3 factors"),
        ({"factor_names": ["a", "a", "b"]}, "name a factor twice"),
        ({"discrete_factors": ["x"]}, "discrete_factors: ['x'] are no factors"),
        ({"metrics": "tcc"}, "metrics: no such metric, 'tcc'"),
        (
            {"factors": np.random.rand(400, 1), "discrete_factors": True},
            "factors: factor_0 takes 400 values in 400 rows",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(change, said):
    z, factors, logvar = make()
    arguments = {"codes": z, "factors": factors, "logvar": logvar, **change}
    with pytest.raises(UserError) as raised:
        measure(**arguments)
    assert said in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["codes", "logvar", "factors"])
def test_nan_is_named_with_its_place(name):
    z, factors, logvar = make()
    arguments = {"codes": z, "factors": factors.astype(float), "logvar": logvar}
    arguments[name][7, 1] = np.nan
    with pytest.raises(UserError, match=f"{name}: .*NaN.* 1 of 400 rows"):
        measure(**arguments)


def test_constant_latents_and_continuous_factors_are_said_and_measured():
    z, factors, logvar = make()
    z[:, 2] = 1.0
    continuous = factors + np.random.default_rng(0).random(factors.shape)
    report = measure(z, continuous, logvar=logvar, metrics=CHEAP)
    text = "\n".join(report.notes)
    assert "latents [2] are constant" in text
    assert "factor_0 is continuous (float64, 400 values)" in text
    assert report.arrays.factors.max() < arrays_lib.NUM_BINS
    assert 0 < report.scores["mig"].value < 1


def test_factors_of_any_dtype_are_the_same():
    z, factors, _ = make()
    expected = measure(z, factors, metrics="mig").scores["mig"].value
    words = np.array(["ash", "birch", "cedar", "date", "elm"])[factors]
    for kind in (
        factors.astype("u1"),
        factors.astype("f4"),
        words,
        words.astype(object),
    ):
        assert measure(z, kind, metrics="mig").scores["mig"].value == expected
    frame = pd.DataFrame(words, columns=["a", "b", "c"])
    report = measure(z, frame, metrics="mig")
    assert report.scores["mig"].value == expected
    assert report.arrays.factor_names == ["a", "b", "c"]
    assert report.arrays.categorical == (0, 1, 2)


def test_a_full_grid_is_its_own_sampler():
    sizes = (4, 3, 5)
    factors = np.stack(np.unravel_index(np.arange(60), sizes), axis=1)
    z = factors.astype(float)
    order = np.random.default_rng(0).permutation(60)
    arrays = arrays_lib.check(z[order], factors[order])
    drawn = arrays.sampler.sample_factors(100, np.random.RandomState(0))
    assert np.array_equal(arrays.sampler.codes(drawn, None), drawn)
    assert arrays.codes.whole_dataset
    assert arrays_lib.check(z[:-1], factors[:-1]).sampler is None
    with pytest.raises(UserError, match="no full grid of 4 x 3 x 5"):
        arrays_lib.GridSampler(z[:-1], factors[:-1])


def test_more_rows_than_enough_are_drawn_from():
    z, factors, _ = make(arrays_lib.MAX_ROWS + 500)
    report = measure(z, factors, metrics="tc_disparity")
    assert report.results["tc_disparity"]["num_samples"] == arrays_lib.MAX_ROWS
    train, test = arrays_lib.check(z, factors).split()
    assert len(train.rows) == 7000 and len(test.rows) == 3500
    assert not set(train.rows) & set(test.rows)


def test_quantised_latents_are_counted():
    random = np.random.default_rng(0)
    law = random.dirichlet(np.full(12, 0.5)).reshape(4, 3)
    cells = random.choice(12, 4000, p=law.ravel())
    levels = np.stack(np.unravel_index(cells, law.shape), axis=1)
    # A code book whose values lie so that bins of equal width would merge the first.
    book = np.array([0.0, 0.001, 0.002, 9.0])
    codes = book[levels]
    exact = (law * np.log(law / law.sum(1)[:, None] / law.sum(0))).sum()
    report = measure(codes, levels, metrics=("discrete", "mig"))
    for method in ("plug_in", "miller_madow", "james_stein"):
        value = report.scores[f"tc_discrete_{method}"].value
        assert value == pytest.approx(exact, abs=0.03)
    entropy = [-(p * np.log(p)).sum() for p in (law.sum(1), law.sum(0))]
    mig = np.mean([1 - exact / h for h in entropy])
    assert report.scores["mig_counted"].value == pytest.approx(mig, abs=0.03)
    assert report.scores["mig"].value < mig - 0.05
    assert report.scores["coverage"].value > 0.99
    constant = measure(codes, np.zeros((len(codes), 1), int), metrics="discrete")
    assert constant.scores["mig_counted"].value is None
    assert constant.scores["mig_counted"].reason == "every factor is constant"
    continuous = measure(make()[0], metrics="discrete")
    assert continuous.scores["coverage"].reason == "the latents are not discrete"


def test_higher_orders_are_those_of_the_gaussian():
    random = np.random.default_rng(0)
    corr = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    z = random.multivariate_normal(np.zeros(3), corr, 20_000)
    report = measure(z, logvar=np.zeros_like(z), metrics="higher_order")
    exact = tc.gaussian_dependence(corr)
    half = tc.gaussian_dependence(0.5 * corr + 0.5 * np.eye(3))
    for law in ("gaussian", "copula"):
        for part, expected in (("mean", exact), ("sample", half)):
            for quantity in ("dual_total_correlation", "o_information"):
                value = report.scores[f"{quantity}_{law}_{part}"].value
                assert value == pytest.approx(getattr(expected, quantity), abs=0.03)
    assert report.results["higher_order"]["pairwise_copula_pvalue_mean"][0][1] < 1e-9
    copies = measure(z[:, [0, 0, 1]], metrics="higher_order")
    reason = copies.scores["o_information_gaussian_mean"].reason
    assert reason == "latents are linearly dependent: it is infinite"
