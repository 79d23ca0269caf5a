# SPDX-License-Identifier: Apache-2.0
import inspect
import json
import sys

import numpy as np
import pytest

from rtc_plugin.evaluation import metrics

SHARED = {"representation", "not_computed", "reasons"}
SMALL = dict(num_train=200, batch_size=50)
NAMES = [
    "compute_tc_disparity",
    "compute_tc_nongaussian",
    "compute_elbo_decomposition",
    "compute_factor_disintegration",
    "compute_conditional_independence",
]


@pytest.fixture
def quick(monkeypatch):
    """The metrics, without what takes long."""
    shortened = []
    for name in NAMES:
        function = getattr(metrics, name)
        arguments = inspect.signature(function).parameters
        small = {
            key: value
            for key, value in dict(
                num_permutations=0, use_discriminator=False, num_draws=20
            ).items()
            if key in arguments
        }

        def short(*args, function=function, small=small, **kwargs):
            return function(*args, **small, **kwargs)

        short.__name__ = name
        shortened.append(short)
    return shortened


def test_images_are_encoded_once_and_results_are_those_of_single_runs(
    data, encoder, quick
):
    encoded = []

    def counting(observations):
        encoded.append(len(observations))
        return encoder(observations)

    together = metrics.compute_rtc_metrics(
        data, counting, np.random.RandomState(0), metrics=quick, **SMALL
    )
    json.dumps(together, allow_nan=False)
    assert encoded == [50] * 4
    seen = set()
    for metric in quick:
        alone = metric(data, encoder, np.random.RandomState(0), **SMALL)
        for key in set(alone) - SHARED:
            assert together[key] == alone[key], (metric.__name__, key)
        assert not seen & (set(alone) - SHARED), "two metrics share a key"
        seen |= set(alone) - SHARED


@pytest.mark.parametrize(("program", "speaks"), [("dlib_evaluate", 1), ("mine.py", 0)])
def test_a_command_shows_on_a_terminal_which_metric_it_is_at(
    data, encoder, quick, monkeypatch, capsys, program, speaks
):
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    metrics.compute_rtc_metrics(
        data, encoder, np.random.RandomState(0), metrics=quick[:2], **SMALL
    )
    shown = capsys.readouterr()
    for name in ("tc_disparity", "tc_nongaussian"):
        assert (name in shown.err) == bool(speaks), shown.err
    assert not shown.out


def test_all_of_them_by_default():
    default = inspect.signature(metrics.compute_rtc_metrics).parameters["metrics"]
    assert [metric.__name__ for metric in default.default] == NAMES


@pytest.mark.parametrize("name", [*NAMES, "compute_mig_variants", "compute_infomec"])
def test_a_metric_has_the_librarys_signature(name):
    arguments = list(inspect.signature(getattr(metrics, name)).parameters)
    assert arguments[:4] == [
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
    ]
