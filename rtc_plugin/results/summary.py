# SPDX-License-Identifier: Apache-2.0
"""A table of the scores below a folder."""

from pathlib import Path

import pandas as pd

from rtc_plugin import runs
from rtc_plugin.errors import UserError
from rtc_plugin.results import records
from rtc_plugin.results import table as results_table

_COLUMNS = ["model", "representation", "metric", "score", "value"]


def read_scores(folder):
    """Reads every evaluation below a folder.

    Args:
        folder: Folder that holds outputs of `dlib_evaluate`, at any depth and under any
            names: representation and metric are read off the recorded configuration.

    Returns:
        DataFrame with a row per scalar score and the columns `model` (what of an
        evaluation's path does not name its representation or metric), `representation`,
        `metric`, `score` and `value`. What cannot be read is named on stderr.

    Raises:
        UserError: If there is no evaluation.
    """
    folder = Path(folder)
    rows, problems = [], []
    for path in sorted(folder.glob(f"**/{runs.EVALUATION_FILE}")):
        with records.one_item(str(path), problems):
            record = records.load_file(path)
            names = results_table.representation(record), results_table.metric(record)
            parts = path.parents[2].relative_to(folder).parts
            model = "/".join(part for part in parts if part not in {*names, "metrics"})
            results = results_table.results(record)
            rows += [(model, *names, *item) for item in runs.scalars(results).items()]
    records.report(problems)
    if not rows:
        raise UserError(
            f"{folder} holds no evaluation; give a folder above outputs of "
            "dlib_evaluate."
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


def tabulate(scores):
    """Lays scores out with a column per representation.

    The Gaussian total correlation is called TC here: in the column `mean` it is the
    paper's TC_mean, in `sampled` its TC_sample.

    Args:
        scores: DataFrame as `read_scores` gives it. Of a score that was computed twice
            the last one is shown.

    Returns:
        String of several lines.
    """
    scores = scores.replace({"score": {"gaussian_total_correlation": "TC (nats)"}})
    index = ["model", "metric", "score"] if scores["model"].any() else _COLUMNS[2:4]
    table = scores.drop_duplicates([*index, "representation"], keep="last").pivot(
        index=index, columns="representation", values="value"
    )
    return table.to_string(float_format=lambda value: f"{value:.4f}", na_rep="")
