# SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pandas as pd
import pytest

from rtc_plugin.results import models as models_lib
from rtc_plugin.results import quantities as q
from rtc_plugin.results import table as results_table
from rtc_plugin.visualize import study, style
from rtc_plugin.visualize.style import HEADINGS


def models_of(*rows):
    """Makes what `quantities` returns of dictionaries; what they lack is missing."""
    frame = pd.DataFrame(rows)
    for name in [*q.SOURCES, "eta", "signal_share_mean"]:
        if name not in frame:
            frame[name] = np.nan
    for name in q.LISTS:
        if name not in frame:
            frame[name] = None
    frame["weight"] = frame["strength"]
    if "not_learnt" not in frame:
        frame["not_learnt"] = ""
    return frame


@pytest.fixture
def two_models():
    """FactorVAE and RTC-VAE at two strengths and two seeds."""
    rows = []
    for model, factor in (("factor_vae", 10.0), ("rtc_vae", 1.0)):
        for strength in (2.0, 10.0):
            for seed in (0, 1):
                tc = factor * strength + seed
                rows.append(
                    {
                        "model": model,
                        "strength": strength,
                        "seed": seed,
                        "eta": 10.0 if model == "rtc_vae" else np.nan,
                        "tc_mean": tc,
                        "tc_sample": tc / 2,
                        "tc_mean_active": tc / 4,
                        "tc_sample_active": tc / 8,
                        "gaussian_sample": tc / 2,
                        "knn_sample": 2 * tc,
                        "sap": 0.1 * seed,
                        "reconstruction": 100 + tc,
                        "disintegration": 0.2,
                        "r2_disintegration": 0.1 * (1 + seed),
                        "num_active": 5 + seed,
                        "signal_share": np.array([0.5, 0.95]),
                        "signal_share_mean": 0.725,
                    }
                )
    return models_of(*rows)


def lines_of(axes):
    """Returns {(marker, line style): [(x, y), ...]} of what is drawn."""
    return {
        (line.get_marker(), line.get_linestyle()): np.column_stack(line.get_data())
        for line in axes.lines
    }


def panel(fig, **texts):
    """Returns the panel with this title, xlabel or ylabel."""
    (found,) = [
        axes
        for axes in fig.axes
        if all(getattr(axes, f"get_{name}")() == text for name, text in texts.items())
    ]
    return found


def test_the_disparity_shows_means_samples_and_signal_shares(two_models):
    fig = study.disparity(two_models)
    factor, rtc, shares = fig.axes[:3]
    assert [factor.get_title(), rtc.get_title()] == ["FactorVAE", "RTC-VAE"]
    drawn = lines_of(factor)
    # Means over the seeds: tc_mean is 10 beta + seed.
    np.testing.assert_allclose(drawn["s", "-"], [[2, 20.5], [10, 100.5]])
    np.testing.assert_allclose(drawn["o", "-"], [[2, 10.25], [10, 50.25]])
    np.testing.assert_allclose(drawn["s", ":"], [[2, 5.125], [10, 25.125]])
    np.testing.assert_allclose(drawn["o", ":"], [[2, 2.5625], [10, 12.5625]])
    dots = [line for line in shares.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(dots[0].get_ydata(), [0.5, 0.5, 0.95, 0.95])
    low, high = factor.get_ylim()
    assert low == 0 and high > 101 and rtc.get_ylim() == (low, high)


def test_a_band_spans_three_seeds(two_models):
    third = two_models[two_models["seed"] == 0].assign(seed=2)
    models = pd.concat([two_models, third])
    axes = panel(study.tc_comparison(models), ylabel=HEADINGS["tc_mean"])
    band = axes.collections[0].get_paths()[0].vertices
    assert len(band) > 4
    at_ten = band[band[:, 0] == 10.0, 1]
    assert (at_ten.min(), at_ten.max()) == (100.0, 101.0)
    # A strength with fewer breaks the band into bars.
    few = models[(models["strength"] == 2.0) | (models["seed"] < 2)]
    axes = panel(study.tc_comparison(few), ylabel=HEADINGS["tc_mean"])
    assert all(len(p.vertices) == 2 for c in axes.collections for p in c.get_paths())


def test_seeds_of_one_strength_are_joined_by_a_bar(two_models):
    """1, 2 and 1 seeds are no band that swells in the middle."""
    models = two_models[(two_models["strength"] == 10.0) | (two_models["seed"] == 0)]
    axes = panel(study.tc_comparison(models), ylabel=HEADINGS["tc_mean"])
    bars = [p.vertices.tolist() for c in axes.collections for p in c.get_paths()]
    assert bars == [[[10, 100], [10, 101]], [[10, 10], [10, 11]]]


def test_one_seed_has_no_bar(two_models):
    fig = study.tc_comparison(two_models[two_models["seed"] == 0])
    assert not fig.axes[0].collections


def test_scores_pair_what_the_paper_pairs(two_models):
    fig = study.scores(two_models)
    axes = panel(fig, xlabel=HEADINGS["reconstruction"], ylabel=HEADINGS["tc_mean"])
    rtc = lines_of(axes)["o", "None"]
    np.testing.assert_allclose(rtc, [[102, 2], [103, 3], [110, 10], [111, 11]])
    axes = panel(fig, xlabel=HEADINGS["tc_mean"], ylabel=HEADINGS["sap"])
    factor = lines_of(axes)["s", "None"]
    np.testing.assert_allclose(factor, [[20, 0], [21, 0.1], [100, 0], [101, 0.1]])


def test_context_is_dashed_and_comes_last(two_models):
    context = two_models[two_models["model"] == "rtc_vae"].assign(model="beta_vae")
    both = pd.concat([context, two_models])
    axes = panel(
        study.scores(both),
        xlabel=HEADINGS["weight"],
        ylabel=HEADINGS["sap"],
    )
    assert lines_of(axes)["D", "--"].tolist() == [[2, 0.05], [10, 0.05]]
    fig = study.tc_comparison(both)
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["FactorVAE", "RTC-VAE", "beta-VAE"]
    other = study.scores(both.replace({"model": {"beta_vae": "my_own_vae"}}))
    assert "my_own_vae" in [t.get_text() for t in other.legends[0].get_texts()]


def test_neighbours_stand_beside_the_gaussian(two_models):
    fig = study.non_gaussian(two_models)
    rtc = lines_of(panel(fig, title="RTC-VAE"))
    np.testing.assert_allclose(rtc["^", "-"], [[2, 5], [10, 21]])
    np.testing.assert_allclose(rtc["o", "-"], [[2, 1.25], [10, 5.25]])
    assert fig.axes[0].get_ylim()[1] > 200  # Room for the largest, FactorVAE's.


def test_factor_vae_is_rtc_vae_at_eta_zero(two_models):
    fig = study.active_latents(two_models)
    drawn = lines_of(panel(fig, ylabel=HEADINGS["num_active"]))
    assert drawn["s", "None"][:, 0].tolist() == [0] * 4
    assert drawn["o", "None"][:, 0].tolist() == [10] * 4
    np.testing.assert_allclose(drawn["None", "-"], [[0, 5.5], [10, 5.5]])


def test_disintegration_by_information_and_by_r2(two_models):
    fig = study.disintegration(two_models)
    axes = panel(fig, ylabel=HEADINGS["r2_disintegration"])
    np.testing.assert_allclose(lines_of(axes)["o", "-"], [[2, 0.15], [10, 0.15]])


def test_heat_maps_show_the_model_nearest_to_a_strength():
    rows = [
        {
            "model": "rtc_vae",
            "strength": strength,
            "seed": 0,
            "r2_matrix": np.full((2, 1), 0.01 * strength),
            "nmi_matrix": np.full((2, 1), 0.02 * strength),
        }
        for strength in (2.0, 6.0, 50.0)
    ]
    fig, shown = study.heat_maps(models_of(*rows), "rtc_vae", ["hue"], weight=10.0)
    assert shown["strength"] == 6.0
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), 0.06)
    np.testing.assert_allclose(fig.axes[1].images[0].get_array(), 0.12)
    assert study.heat_maps(models_of(*rows), "dip_vae_i") == (None, None)


def test_learning_curves_have_a_panel_per_model_and_two_lines_per_run():
    curves = pd.DataFrame(
        {
            "model": ["rtc_vae"] * 2 + ["factor_vae"] * 2,
            "weight": 10.0,
            "seed": 0,
            "update": [0, 100, 0, 100],
            "tc_mean": [1.0, 2.0, 3.0, 4.0],
            "tc_sample": [0.5, 1.5, 2.5, 3.5],
        }
    )
    fig = study.learning_curves(curves)
    drawn = [line.get_xydata().tolist() for line in panel(fig, title="RTC-VAE").lines]
    assert drawn == [[[0, 1], [100, 2]], [[0, 0.5], [100, 1.5]]]
    assert fig.axes[0].get_title() == "FactorVAE"  # As in the paper's legends.


@pytest.mark.parametrize(
    "draw",
    [
        study.disparity,
        study.tc_comparison,
        study.scores,
        study.non_gaussian,
        study.active_latents,
        study.disintegration,
    ],
)
def test_missing_scores_leave_panels_empty(draw, two_models):
    scores = [name for name in q.SOURCES if name in two_models]
    two_models[scores] = np.nan
    two_models["signal_share"] = None
    fig = draw(two_models)
    fig.savefig(io.BytesIO())


def record_of(metric="rtc_metrics", representation="mean_and_logvar", **results):
    return {
        "train_config.dataset.name": "'dsprites_rendered'",
        "train_config.model.model": "@beta_tc_vae()",
        "train_config.beta_tc_vae.beta": "11.",
        "train_config.model.random_seed": "0",
        "train_config.model.training_steps": "100",
        "postprocess_config.postprocess.postprocess_fn": (
            f"@{representation}_representation"
        ),
        "evaluation_config.evaluation.evaluation_fn": f"@{metric}",
        **{f"evaluation_results.{name}": value for name, value in results.items()},
    }


def test_quantities_of_a_table():
    rows = results_table.tidy_rows(
        record_of(tc_mean=0.5, signal_share=[0.25, 1.0], r2_matrix=[[1, 2], [3, 4]])
    ) + results_table.tidy_rows(
        record_of("unsupervised", "sampled", gaussian_total_correlation=0.75)
    )
    (row,) = q.quantities(results_table.to_table(rows)).to_dict("records")
    assert row["tc_mean"] == 0.5
    assert row["tc_sample"] == 0.75  # The library's own, for want of another.
    assert row["weight"] == 10.0  # The library multiplies TC by beta - 1.
    assert (row["signal_share_min"], row["signal_share_mean"]) == (0.25, 0.625)
    np.testing.assert_array_equal(row["r2_matrix"], [[1, 2], [3, 4]])
    assert np.isnan(row["sap"]) and row["nmi_matrix"] is None


@pytest.mark.parametrize(
    ("counted", "steps_per_update"),
    [({}, 1), ({"train_config.rtc_vae.count_discriminator_step": "True"}, 2)],
)
def test_updates_are_the_encoder_s(counted, steps_per_update):
    record = {**record_of(tc_mean=0.5), **counted}
    record["train_config.model.model"] = "@rtc_vae()"
    (row,) = q.quantities(
        results_table.to_table(results_table.tidy_rows(record))
    ).to_dict("records")
    assert row["updates"] == 100 / steps_per_update


@pytest.mark.parametrize(
    ("bindings", "model"),
    [
        ({"correlated_gaussian.rho": "0.5"}, "correlated/rtc_vae"),
        ({"correlated_gaussian.alpha": "1.0"}, "correlated/rtc_vae"),
        ({"correlated_gaussian.rho": "0.0"}, "rtc_vae"),
    ],
)
def test_a_model_with_correlated_noise_is_another_one(bindings, model):
    """Claims about RTC-VAE are not judged on it."""
    bindings = {
        "model.model": "@correlated_gaussian()",
        "correlated_gaussian.model": "@rtc_vae()",
        "rtc_vae.beta": "6.0",
        **bindings,
    }
    record = record_of(tc_mean=0.5)
    record.update({f"train_config.{name}": value for name, value in bindings.items()})
    table = results_table.to_table(results_table.tidy_rows(record))
    (row,) = q.quantities(table).to_dict("records")
    assert (row["model"], row["strength"]) == (model, 6.0)
    assert q.label("correlated/rtc_vae") == "RTC-VAE, correlated noise"


NOT_LEARNT = "reconstruction {} nats and 782.5 by a constant image"


@pytest.mark.parametrize(
    ("results", "config", "reason"),
    [
        ({"num_active": 0, "reconstruction_bernoulli": 99.0}, {}, "no active latent"),
        ({"num_active": 1, "reconstruction_bernoulli": 99.0}, {}, ""),
        (
            {"num_active": 5, "reconstruction_bernoulli": 770.0},
            {},
            NOT_LEARNT.format(770),
        ),
        ({"num_active": 5}, {}, ""),
        # Without one criterion the other decides; without both, none does.
        ({"reconstruction_bernoulli": 790.0}, {}, NOT_LEARNT.format(790)),
        ({}, {}, ""),
        ({"reconstruction_bernoulli": 790.0}, {"dataset.name": "'cars3d'"}, ""),
        ({"num_active": 0}, {"dataset.name": "'cars3d'"}, "no active latent"),
    ],
)
def test_a_model_that_has_not_learnt_is_told(results, config, reason):
    record = record_of(**results, tc_mean=1.0)
    record.update({f"train_config.{name}": value for name, value in config.items()})
    table = results_table.to_table(results_table.tidy_rows(record))
    assert q.quantities(table)["not_learnt"].tolist() == [reason]


@pytest.mark.parametrize(
    ("config", "is_comparable"),
    [
        ({}, True),
        ({"reconstruction_loss.loss_fn": "@bernoulli_loss"}, True),
        ({"reconstruction_loss.loss_fn": "@l2_loss"}, False),
        ({"bernoulli_loss.subtract_true_image_entropy": "True"}, False),
        ({"bernoulli_loss.subtract_true_image_entropy": "False"}, True),
    ],
)
def test_only_the_whole_bernoulli_loss_is_held_against_a_constant_image(
    config, is_comparable
):
    record = {**record_of(), "train_results.reconstruction_loss": 790.0}
    record.update({f"train_config.{name}": value for name, value in config.items()})
    table = results_table.to_table(results_table.training_rows(record))
    assert (q.quantities(table)["not_learnt"] != "").tolist() == [is_comparable]


def test_a_model_that_has_not_learnt_is_a_cross_apart_from_lines(two_models):
    last = two_models.index[-1]
    two_models.loc[last, ["not_learnt", "tc_mean"]] = ["no active latent", 500.0]
    for fig in (study.tc_comparison(two_models), study.scores(two_models)):
        axes = panel(
            fig,
            ylabel=HEADINGS["tc_mean"],
            xlabel=HEADINGS["weight" if len(fig.axes) == 2 else "reconstruction"],
        )
        (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
        # It does not stretch the scale, whose largest is 101, and stands at its edge.
        assert cross.get_ydata().tolist() == [axes.get_ylim()[1]]
        assert axes.get_ylim()[1] < 150
    drawn = lines_of(study.tc_comparison(two_models).axes[0])
    assert drawn["o", "-"][-1].tolist() == [10.0, 10.0]  # Of the other seed alone.


def test_the_plugins_score_goes_before_the_librarys():
    rows = results_table.tidy_rows(
        record_of("unsupervised", "mean", gaussian_total_correlation=0.75)
    ) + results_table.tidy_rows(record_of(tc_mean=0.5))
    assert q.quantities(results_table.to_table(rows))["tc_mean"].tolist() == [0.5]


def test_every_model_has_a_look_of_its_own():
    assert set(style.MODELS) == set(models_lib.MODELS)
    assert len(set(style.MODELS.values())) == len(style.MODELS)
    assert style.colour_of("of someone else") not in dict(style.MODELS.values())
