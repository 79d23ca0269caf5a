# SPDX-License-Identifier: Apache-2.0
"""Zips in the published layout, with chosen scores and without modules."""

import json
import zipfile

from rtc_plugin.zoo import numbers

# name of the metric -> its results and its parameters, as gin's source
METRICS = {
    "mig": ({"discrete_mig": 0.1}, {"mig.num_train": "10000"}),
    "sap_score": ({"SAP_score": 0.05}, {"sap_score.continuous_factors": "False"}),
    "beta_vae_sklearn": ({"eval_accuracy": 0.8}, {}),
    "factor_vae_metric": ({"eval_accuracy": 0.6}, {}),
    "unsupervised": ({"gaussian_total_correlation": 2.0}, {}),
}


def train_config(number, **changes):
    """Returns a model's bindings as results hold them, 'train_config.*' -> text."""
    config = {
        "model.batch_size": 64,
        "model.training_steps": 300000,
        "encoder.num_latent": 10,
        "model.model_num": number,
        **numbers.configs()[number],
        **changes,
    }
    return {
        f"train_config.{key}": repr(value)
        if isinstance(value, str) and not value.startswith("@")
        else str(value)
        for key, value in config.items()
        if value is not None
    }


def record(number, representation, metric, scores=None, settings=None, **changes):
    """Returns what an `evaluation.json` holds."""
    default_scores, default_settings = METRICS[metric]
    settings = {**default_settings, **(settings or {})}
    results = {"uuid": "u", **default_scores, **(scores or {})}
    return {
        **train_config(number, **changes),
        "train_results.loss": 100.0,
        "postprocess_config.postprocess.name": f"'{representation}'",
        "evaluation_config.evaluation.name": f"'{metric}'",
        "evaluation_config.evaluation.random_seed": "12",
        **{f"evaluation_config.{key}": text for key, text in settings.items()},
        **{f"evaluation_results.{key}": value for key, value in results.items()},
    }


def model_files(number, metrics=tuple(METRICS), root=None, **kwargs):
    """Returns {name in the zip: bytes} of a model."""
    root = f"{number}/" if root is None else root
    files = {
        f"{root}model/tfhub/saved_model.pb": b"not a module",
        f"{root}model/results/gin/train.gin": b"",
    }
    for representation in ("mean", "sampled"):
        for metric in metrics:
            name = f"metrics/{representation}/{metric}/results/aggregate"
            content = record(number, representation, metric, **kwargs)
            files[f"{root}{name}/evaluation.json"] = json.dumps(content).encode()
    return files


def write_zip(path, files, **kwargs):
    """Writes {name or ZipInfo: bytes}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **kwargs) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def write_model(folder, number, **kwargs):
    """Writes N.zip with a model's scores."""
    return write_zip(folder / f"{number}.zip", model_files(number, **kwargs))
