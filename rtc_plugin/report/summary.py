# SPDX-License-Identifier: Apache-2.0
"""A table of the scores below a folder."""

import json
from pathlib import Path

import pandas as pd

from rtc_plugin.errors import UserError

_NOT_SCORES = {"elapsed_time", "uuid"}


def read_scores(folder):
    """Reads every evaluation below a folder.

    Args:
        folder: Folder that holds outputs of `dlib_evaluate`, at any depth. What lies
            between it and an evaluation's `results` names the evaluation, as in
            `mean/mig`.

    Returns:
        DataFrame with a row per scalar score and the columns `representation` (the
        first part of the name), `metric` (the rest), `score` and `value`.

    Raises:
        UserError: If there is no evaluation.
    """
    folder = Path(folder)
    rows = []
    for path in sorted(folder.glob("**/results/json/evaluation_results.json")):
        representation, *metric = path.parents[2].relative_to(folder).parts or [""]
        results = json.loads(path.read_text())
        for score, value in results.items():
            if score not in _NOT_SCORES and isinstance(value, (int, float)):
                rows.append((representation, "/".join(metric), score, value))
    if not rows:
        raise UserError(
            f"{folder} holds no evaluation; give a folder above outputs of "
            "dlib_evaluate."
        )
    return pd.DataFrame(rows, columns=["representation", "metric", "score", "value"])


def tabulate(scores):
    """Lays scores out with a column per representation.

    The Gaussian total correlation is called TC here: in the column `mean` it is the
    paper's TC_mean, in `sampled` its TC_sample.

    Args:
        scores: DataFrame as `read_scores` gives it.

    Returns:
        String of several lines.
    """
    scores = scores.replace({"score": {"gaussian_total_correlation": "TC (nats)"}})
    table = scores.pivot(
        index=["metric", "score"], columns="representation", values="value"
    )
    return table.to_string(float_format=lambda value: f"{value:.4f}", na_rep="")
