# SPDX-License-Identifier: Apache-2.0
"""A study for TensorBoard: its models by hyper-parameters and scores.

Protocol buffers are written as they are, without TensorFlow's summary operations, which
would need eager execution.
"""

import os
import re

import pandas as pd
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from rtc_plugin.files import whole_folder
from rtc_plugin.results import quantities as q
from rtc_plugin.results import table as results_table
from rtc_plugin.visualize import explorer, style

HPARAMS = ("dataset", "model", "strength", "eta", "seed", "training_steps")
METRICS = (
    "tc_mean",
    "tc_sample",
    "tc_mean_active",
    "tc_sample_active",
    "num_active",
    "signal_share_mean",
    "knn_sample",
    "tree_sample",
    "sap",
    "mig",
    "disintegration",
    "reconstruction",
)
# Any fixed time: TensorBoard shows when a run was, and the table does not say.
_WALL_TIME = 0.0
_CURVES = (*style.TC, "num_active")


def write_hparams(table, root, output_dir):
    """Writes event files that `tensorboard --logdir=OUTPUT_DIR` shows as HPARAMS.

    Each model becomes a run with its hyper-parameters and scores; where its folder has
    a `tc_monitor.csv`, also with its learning curves, as 'tc_monitor/...'.

    Args:
        table: DataFrame as `results_table.to_table` gives it.
        root: Folder that the column `folder` of the table is relative to; None if
            there is none.
        output_dir: Folder to make; an older one is replaced.

    Returns:
        Number of runs.

    Raises:
        UserError: If the table is empty.
    """
    results_table.check_not_empty(table, output_dir)
    models = q.quantities(table)
    metrics = [name for name in METRICS if models[name].notna().any()]
    with whole_folder("output_dir", output_dir, overwrite=True) as partial:
        _write(partial, [_summary_event(_experiment(models, metrics))])
        for i, row in enumerate(models.to_dict("records")):
            events = [_summary_event(_session_start(row))]
            events += _curves(root, row["folder"])
            last = max((event.step for event in events), default=0)
            for name in metrics:
                if not pd.isna(row[name]):
                    events.append(_scalar(name, row[name], last))
            events.append(
                _summary_event(summary.session_end_pb(api_pb2.STATUS_SUCCESS))
            )
            _write(os.path.join(partial, _run_name(row, i)), events)
    return len(models)


def _experiment(models, metrics):
    """Says which columns TensorBoard shall have."""
    infos = []
    for name in HPARAMS:
        values = sorted({_plain(value) for value in models[name].dropna()})
        if not values:
            continue
        info = api_pb2.HParamInfo(name=name)
        if isinstance(values[0], str):
            info.type = api_pb2.DATA_TYPE_STRING
        else:
            info.type = api_pb2.DATA_TYPE_FLOAT64
        if len(values) <= 20:
            # A choice in TensorBoard, in place of an interval.
            info.domain_discrete.extend(values)
        infos.append(info)
    return summary.experiment_pb(
        hparam_infos=infos,
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(tag=name), display_name=style.HEADINGS[name]
            )
            for name in metrics
        ],
        time_created_secs=_WALL_TIME,
    )


def _session_start(row):
    hparams = {
        name: _plain(row[name])
        for name in HPARAMS
        if not pd.isna(row[name]) and row[name] != ""
    }
    return summary.session_start_pb(hparams, start_time_secs=_WALL_TIME)


def _plain(value):
    return value if isinstance(value, str) else float(value)


def _curves(root, folder):
    if root is None or not folder:
        return []
    curves = explorer.read_curves(os.path.join(root, folder, "model"))
    return [
        _scalar(f"tc_monitor/{name}", value, int(step))
        for name in _CURVES
        for step, value in zip(curves.get("step", []), curves.get(name, []))
        if value is not None
    ]


def _scalar(tag, value, step):
    simple = summary_pb2.Summary.Value(tag=tag, simple_value=float(value))
    return _summary_event(summary_pb2.Summary(value=[simple]), step)


def _summary_event(proto, step=0):
    # TensorBoard's plugin makes TensorFlow's protos where there is TensorFlow.
    own = summary_pb2.Summary.FromString(proto.SerializeToString())
    return event_pb2.Event(summary=own, step=step, wall_time=_WALL_TIME)


def _run_name(row, i):
    parts = [row["dataset"], row["model"], f"{row['strength']:g}", f"seed{row['seed']}"]
    number = row["model_num"] if not pd.isna(row["model_num"]) else i
    return re.sub(r"[^\w.-]", "_", "-".join([str(number), *map(str, parts)]))


def _write(folder, events):
    writer = EventFileWriter(folder)
    for event in events:
        writer.add_event(event)
    writer.close()
