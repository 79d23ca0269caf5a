# SPDX-License-Identifier: Apache-2.0
"""This plugin's metrics on modules that others saved, beside and never into them."""

import json
import os
import pathlib
import zipfile

import pytest
import run_rtc
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.zoo import evaluate, measure, scores

FEW = (
    "rtc_metrics.num_train = 300",
    "rtc_metrics.metrics = (@tc_disparity, @elbo_decomposition)",
    "elbo_decomposition.num_draws = 100",
    "tc_disparity.num_bootstrap = 2",
)


def snapshot(folder):
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in pathlib.Path(folder).rglob("*")
    }


def read_results(folder):
    path = pathlib.Path(measure.result_folder(folder))
    return json.loads((path / "results/aggregate/evaluation.json").read_text())


def test_module_is_not_run_without_trust(zips, tmp_path):
    with pytest.raises(UserError, match="a TFHub module is a program.*--trust"):
        evaluate.evaluate([zips], str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_zips_are_measured_once_and_left_alone(zips, tmp_path):
    before = snapshot(zips)
    out = str(tmp_path / "out")
    arguments = [zips], out, True, "auto", FEW
    assert evaluate.evaluate(*arguments) == (1, [])
    results = read_results(os.path.join(out, "300"))
    assert results["train_config.model.model_num"] == "300"
    assert results["evaluation_results.num_samples"] == 300
    assert results["evaluation_results.tc_mean"] > 0
    assert "evaluation_results.total_correlation" in results  # the exact mixture
    done = snapshot(measure.result_folder(os.path.join(out, "300")))
    assert evaluate.evaluate(*arguments) == (1, [])
    assert snapshot(measure.result_folder(os.path.join(out, "300"))) == done
    assert snapshot(zips) == before


def test_scores_of_the_measurement_are_read_like_the_zoos(home_ground, tmp_path):
    # The module is one that TensorFlow 1.15 saved, as the published ones are.
    measure.measure(str(home_ground), "", str(tmp_path / "7"), bindings=FEW)
    table, problems = scores.read([tmp_path])
    assert problems == []
    found = table.set_index("score").value
    assert found["num_samples"] == 300
    assert found["setting/rtc_metrics.num_train"] == 300
    assert set(table.representation) == {"mean_and_logvar", ""}


def test_module_that_cannot_be_loaded_is_named(tmp_path):
    zoo_files.write_model(tmp_path, 0, **{"dataset.name": "dsprites_rendered"})
    done, (problem,) = evaluate.evaluate(
        [tmp_path / "0.zip"], str(tmp_path / "out"), trust=True
    )
    assert done == 0
    assert problem.where.endswith("0.zip/0/")
    log = tmp_path / "out" / "0" / evaluate.LOG
    assert str(log) in problem.what and log.read_text()
    assert not os.path.exists(measure.result_folder(str(tmp_path / "out" / "0")))


def test_model_without_a_module_is_named(tmp_path, zips):
    files = zoo_files.model_files(5)
    del files["5/model/tfhub/saved_model.pb"]
    zoo_files.write_zip(tmp_path / "5.zip", files)
    jobs, (problem,) = evaluate.find_jobs([tmp_path, zips])
    assert [job.name for job in jobs] == ["300"]
    assert "no model/tfhub" in problem.what


def test_hostile_zip_is_named_and_not_run(tmp_path, zips):
    zoo_files.write_zip(tmp_path / "5.zip", {"../5/model/tfhub/x": b""})
    jobs, (problem,) = evaluate.find_jobs([tmp_path, zips])
    assert len(jobs) == 1 and "leaves its folder" in problem.what


def test_output_into_a_model_is_refused(models, tmp_path):
    for target in (models, models / "300", models / "300" / "metrics"):
        with pytest.raises(UserError, match="would write into the model"):
            evaluate.evaluate([models], str(target), trust=True)


def test_two_models_of_one_name_are_refused(zips, models, tmp_path):
    with pytest.raises(UserError, match="both hold a model 300"):
        evaluate.evaluate([zips, models], str(tmp_path / "out"), trust=True)


def test_only_the_module_and_its_configuration_leave_the_zip(zips, monkeypatch):
    copied = []
    stock = zipfile.ZipFile.open

    def spy(self, name, *args, **kwargs):
        copied.append(getattr(name, "filename", name))
        return stock(self, name, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", spy)
    from disentanglement_lib.postprocessing import postprocess

    class Enough(Exception):
        pass

    def stop(*args, **kwargs):
        raise Enough

    monkeypatch.setattr(postprocess, "postprocess_with_gin", stop)
    with pytest.raises(Enough):
        measure.measure(str(zips / "300.zip"), "300/", "nowhere")
    assert copied
    assert all(
        name.startswith(("300/model/tfhub/", "300/model/results/")) for name in copied
    )


def test_command_says_in_one_line_what_is_missing(zips, tmp_path):
    done = run_rtc.rtc("zoo", "evaluate", zips, f"--output={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.startswith("rtc: a TFHub module is a program")
    assert len(done.stderr.strip().splitlines()) == 1
