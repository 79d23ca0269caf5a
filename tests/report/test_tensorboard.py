# SPDX-License-Identifier: Apache-2.0
"""Reads back what TensorBoard's HPARAMS tab would show."""

import pathlib

import pytest
import synthetic_study
from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from rtc_plugin.errors import UserError
from rtc_plugin.report import tensorboard as hparams
from rtc_plugin.results import table as results_table


@pytest.fixture(scope="module")
def table():
    return synthetic_study.study_table(
        seeds=1, models=["factor_vae", "rtc_vae"], datasets=["dsprites_rendered"]
    )


class TensorBoard:
    """TensorBoard's own reading of a folder of logs."""

    def __init__(self, logdir):
        self.runs = plugin_event_multiplexer.EventMultiplexer()
        self.runs.AddRunsFromDirectory(str(logdir)).Reload()
        provider = data_provider.MultiplexerDataProvider(self.runs, str(logdir))
        self._context = backend_context.Context(
            base_plugin.TBContext(data_provider=provider)
        )
        self._request = (RequestContext(), "")

    def experiment(self):
        metadata = self._context.hparams_metadata(*self._request)
        return self._context.experiment_from_metadata(
            *self._request,
            include_metrics=True,
            hparams_run_to_tag_to_content=metadata,
            data_provider_hparams=[],
        )

    def sessions(self):
        """Returns [(hyper-parameters, {metric: value})], one per model."""
        experiment = self.experiment()
        request = api_pb2.ListSessionGroupsRequest(
            start_index=0,
            slice_size=100,
            allowed_statuses=[api_pb2.STATUS_SUCCESS],
            aggregation_type=api_pb2.AGGREGATION_AVG,
            include_metrics=True,
            col_params=[
                api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos
            ],
        )
        handler = list_session_groups.Handler(
            self._request[0],
            backend_context=self._context,
            experiment_id="",
            request=request,
        )
        return [
            (
                {
                    name: value.string_value or value.number_value
                    for name, value in group.hparams.items()
                },
                {m.name.tag: m.value for m in group.metric_values},
            )
            for group in handler.run().session_groups
        ]


def test_tensorboard_shows_every_model_with_its_scores(table, tmp_path):
    assert hparams.write_hparams(table, None, str(tmp_path / "logs")) == 6
    sessions = TensorBoard(tmp_path / "logs").sessions()
    assert len(sessions) == 6
    wide = results_table.wide(table)
    for settings, scores in sessions:
        assert settings["dataset"] == "dsprites_rendered"
        row = wide[
            (wide["model"] == settings["model"])
            & (wide["strength"] == settings["strength"])
        ].iloc[0]
        for name in ("tc_mean", "tc_sample_active", "num_active"):
            expected = row[f"mean_and_logvar/rtc_metrics/{name}"]
            assert scores[name] == pytest.approx(expected, rel=1e-6)
    # Only RTC-VAE has an eta; a table without tc_monitor has no curves.
    assert {s["model"] for s, _ in sessions if "eta" in s} == {"rtc_vae"}


def test_the_columns_of_the_tab(table, tmp_path):
    hparams.write_hparams(table, None, str(tmp_path / "logs"))
    experiment = TensorBoard(tmp_path / "logs").experiment()
    infos = {info.name: info for info in experiment.hparam_infos}
    strengths = [v.number_value for v in infos["strength"].domain_discrete.values]
    assert strengths == [2.0, 10.0, 50.0]
    assert infos["model"].type == api_pb2.DATA_TYPE_STRING
    names = {info.name.tag: info.display_name for info in experiment.metric_infos}
    assert names["tc_mean"] == "TC of means [nats]"


def test_learning_curves_come_along(table, tmp_path):
    folder = tmp_path / "root" / "0" / "model" / "tf_checkpoint"
    folder.mkdir(parents=True)
    (folder / "tc_monitor.csv").write_text(
        "step,tc_mean,tc_sample\n0,3.0,1.0\n100,2.0,0.5\n"
    )
    logs = tmp_path / "logs"
    hparams.write_hparams(table, str(tmp_path / "root"), str(logs))
    runs = TensorBoard(logs).runs
    (run,) = [name for name in runs.Runs() if name.startswith("0-")]
    events = runs.Tensors(run, "tc_monitor/tc_mean")
    assert [event.step for event in events] == [0, 100]
    values = [float(event.tensor_proto.float_val[0]) for event in events]
    assert values == [3.0, 2.0]


def test_an_older_folder_is_replaced(table, tmp_path):
    for _ in range(2):
        hparams.write_hparams(table, None, str(tmp_path / "logs"))
    assert len(TensorBoard(tmp_path / "logs").sessions()) == 6
    files = list(pathlib.Path(tmp_path / "logs").glob("**/events.*"))
    assert len(files) == 7  # One per run, and the experiment's own.


def test_an_empty_table_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="empty"):
        hparams.write_hparams(results_table.to_table([]), None, str(tmp_path / "logs"))
    assert not (tmp_path / "logs").exists()
