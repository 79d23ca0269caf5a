# SPDX-License-Identifier: Apache-2.0
"""The rebuilt sample: what ships, how it says what it is, and how one is packed."""

import os
import shlex

import numpy as np
import pytest
import zoo_files

from rtc_plugin.zoo import compare, numbers, sample

STUDY_METRICS = {
    "beta_vae_sklearn",
    "dci",
    "factor_vae_metric",
    "mig",
    "modularity_explicitness",
    "sap_score",
    "unsupervised",
}


@pytest.fixture(scope="module")
def shipped():
    return sample.read()


def asked_for():
    """Models that the command in the sample's own metadata chooses."""
    flags = dict(
        part.lstrip("-").partition("=")[::2]
        for part in shlex.split(sample.describe()["command"])
        if "=" in part
    )
    texts = [flags[name].split(",") for name in ("dataset", "model")]
    values = [
        [kind(text) for text in flags[name].split(",")]
        for name, kind in (("strength", float), ("seed", int))
    ]
    return numbers.select([], *texts, *values), int(flags["steps"])


def test_models_are_those_of_its_command(shipped):
    models, steps = asked_for()
    assert set(shipped["model_num"]) == {model.model_num for model in models}
    assert set(shipped["training_steps"]) == {steps}
    assert set(shipped["origin"]) == {"rebuilt"}
    # Six methods of the study and RTC-VAE, two strengths, two seeds, two twins.
    sizes = shipped.groupby(["dataset", "model"])[["strength", "seed"]].nunique()
    assert sizes.index.get_level_values("model").nunique() == 7
    assert set(shipped["dataset"]) == {"dsprites_rendered", "shapes3d_rendered"}
    assert len(sizes) == 14 and (sizes == 2).all(axis=None)


def test_every_model_has_every_score(shipped):
    models, _ = asked_for()
    for representation in ("mean", "sampled"):
        scores = shipped[shipped["representation"] == representation]
        assert STUDY_METRICS <= set(scores["metric"])
        for metric in STUDY_METRICS:
            found = scores.loc[scores["metric"] == metric, "model_num"]
            assert found.nunique() == len(models), metric
    disparity = shipped[shipped["score"].isin(["tc_mean", "tc_sample"])]
    assert len(disparity) == 2 * len(models)
    assert np.isfinite(shipped["value"].astype(float)).mean() > 0.9


def test_it_is_small():
    assert os.path.getsize(sample.FILE) < 1_000_000


def test_it_says_what_it_is_and_is_not(shipped):
    made = sample.describe()
    notice = sample.notice(shipped, made)
    for words in ("not the published models", "rendered twins", "rtc_zoo rebuild"):
        assert words in notice
    assert made["date"] in notice
    assert {"python", "disentanglement-lib", "numpy"} <= set(made["versions"])


def test_it_is_compared_with_when_no_zoo_is_given(shipped):
    comparison = compare.compare()
    for line in sample.notice(shipped, sample.describe()).splitlines():
        assert line in comparison.notice
    assert set(comparison.runs["origin"]) == {"rebuilt"}
    # Its RTC-VAE models stand for the own runs that nobody gave.
    assert set(comparison.methods["own_model"]) == {"rtc_vae"}
    assert comparison.methods["zoo_model"].nunique() == 6
    paired = comparison.methods.set_index(["dataset", "quantity", "representation"])
    assert (paired["num_pairs"] > 0).all()


def test_a_packed_folder_tells_how_it_was_made(tmp_path):
    root = tmp_path / "rebuilt"
    root.mkdir()
    zoo_files.write_model(root, 0)
    path = str(tmp_path / "sample.parquet")
    made = {
        "command": "rtc zoo rebuild 0",
        "date": "2026-11-23",
        "versions": {"numpy": "2"},
        "bindings": ["model.training_steps = 300000"],
    }
    assert sample.pack(str(root), made, path) == (1, [])
    assert sample.describe(path) == made
    kept = sample.read(path)
    assert not [name for name in kept if "AdamOptimizer" in name]
    assert set(kept["folder"]) == {"0"}
    said = sample.notice(kept, made)
    assert "1 models, trained for 300,000 of the study's 300,000 steps" in said
    assert "Made on 2026-11-23 by `rtc zoo rebuild 0` with numpy 2." in said
