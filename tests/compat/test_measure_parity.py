# SPDX-License-Identifier: Apache-2.0
"""What `measure` says is what `dlib_evaluate` says of the same codes."""

import importlib

import disentanglement_lib  # noqa: F401, first: wakes the hook
import gin
import home_ground
import numpy as np
import pytest
from disentanglement_lib.data.ground_truth import ground_truth_data

from rtc_plugin.evaluation import metrics
from rtc_plugin.measuring import arrays as arrays_lib
from rtc_plugin.measuring import suite

SEED = 3
BINS = home_ground._BINS
# Metric -> function of the library, bindings and the sizes of the two parts.
LIBRARY = {
    "mig": ("mig.compute_mig", ["mig.num_train = {train}", "mig.batch_size = {train}"]),
    "sap_score": (
        "sap_score.compute_sap",
        ["sap_score.continuous_factors = False"],
    ),
    "sap_continuous": (
        "sap_score.compute_sap",
        ["sap_score.continuous_factors = True"],
    ),
    "dci": ("dci.compute_dci", []),
    "modularity_explicitness": (
        "modularity_explicitness.compute_modularity_explicitness",
        [],
    ),
    "irs": ("irs.compute_irs", ["irs.num_train = {train}", "irs.batch_size = {train}"]),
    "unsupervised": (
        "unsupervised_metrics.unsupervised_metrics",
        [
            "unsupervised_metrics.num_train = {train}",
            "unsupervised_metrics.batch_size = {train}",
        ],
    ),
    "downstream_task_boosted_trees": (
        "downstream_task.compute_downstream_task",
        ["downstream_task.num_train = [10, 100]", *home_ground._BOOSTED_TREES],
    ),
    "downstream_task_logistic_regression": (
        "downstream_task.compute_downstream_task",
        ["downstream_task.num_train = [10, 100]", *home_ground._LOGISTIC],
    ),
    "beta_vae_sklearn": (
        "beta_vae.compute_beta_vae_sklearn",
        [
            "beta_vae_sklearn.batch_size = 64",
            "beta_vae_sklearn.num_train = 10000",
            "beta_vae_sklearn.num_eval = 5000",
        ],
    ),
    "factor_vae_metric": (
        "factor_vae.compute_factor_vae",
        [
            "factor_vae_score.num_variance_estimate = 10000",
            "factor_vae_score.num_train = 10000",
            "factor_vae_score.num_eval = 5000",
            "factor_vae_score.batch_size = 64",
            "prune_dims.threshold = 0.05",
        ],
    ),
}
SIZED = ("sap_score", "dci", "modularity_explicitness", "downstream_task")
PLUGIN = (
    "tc_disparity",
    "tc_nongaussian",
    "elbo_decomposition",
    "conditional_independence",
    "factor_disintegration",
    "infomec",
    "mig_variants",
)


class Rows(ground_truth_data.GroundTruthData):
    """A data set that hands out the rows of two arrays in turn, as they are."""

    factor_names = home_ground.FourFactors.factor_names
    num_factors = 4

    def __init__(self, parts):
        self._parts, self._calls = parts, 0

    def sample(self, num, random_state):
        part = self._parts[self._calls % 2].head(num)
        self._calls += 1
        assert len(part.rows) == num
        return part.factors, part.codes.plain


def make_arrays(num_rows=600, with_grid=False):
    """Returns `Arrays` of noisy codes, or of the full grid of factors."""
    random = np.random.RandomState(0)
    sizes = home_ground.FourFactors.factors_num_values
    if with_grid:
        num_rows = int(np.prod(sizes))
        factors = np.stack(np.unravel_index(np.arange(num_rows), sizes), axis=1)
        factors = random.permutation(factors)
        z = home_ground.representation(factors)
    else:
        factors = home_ground.FourFactors().sample_factors(num_rows, random)
        z = home_ground.representation(factors)
        z = z + 0.05 * random.standard_normal(z.shape)
    names = home_ground.FourFactors.factor_names
    logvar = np.log(np.full(z.shape, 0.1)) + 0.1 * random.standard_normal(z.shape)
    return arrays_lib.check(z, factors, logvar, factor_names=names, random_state=SEED)


def by_the_library(name, arrays):
    path, bindings = LIBRARY[name]
    module, function = path.split(".")
    parts = arrays.split()
    train, test = (len(part.rows) for part in parts)
    configurable = function.replace("compute_", "").replace("sap", "sap_score")
    if configurable in SIZED:
        bindings = [
            *bindings,
            f"{configurable}.num_test = {test}",
            f"{configurable}.batch_size = {train}",
        ]
        if configurable != "downstream_task":
            bindings.append(f"{configurable}.num_train = {train}")
    metric = importlib.import_module(f"disentanglement_lib.evaluation.metrics.{module}")
    data, represent = Rows(parts), np.asarray
    if arrays.sampler is not None:
        data, represent = home_ground.FourFactors(), home_ground.representation
    gin.clear_config()
    gin.parse_config_files_and_bindings(
        [], [b.format(train=train) for b in [*bindings, *BINS]]
    )
    # As `compat.scikit_learn.seed_estimators` does it in every evaluation.
    np.random.seed([SEED, 1])
    try:
        return getattr(metric, function)(
            data, represent, random_state=np.random.RandomState(SEED)
        )
    finally:
        gin.clear_config()


@pytest.mark.parametrize("name", LIBRARY)
def test_the_librarys_metrics_are_its_own(name):
    arrays = make_arrays(with_grid=name in ("beta_vae_sklearn", "factor_vae_metric"))
    expected = by_the_library(name, arrays)
    measured = suite.compute(name, arrays, SEED)
    common = set(expected) & set(measured)
    assert common >= set(expected) - {"num_active_dims"}
    for key in common:
        assert measured[key] == pytest.approx(expected[key], rel=0, abs=1e-10), key
    assert any(0.01 < measured[key] < 0.99 for key in common)


@pytest.mark.parametrize("name", PLUGIN)
def test_the_plugins_metrics_are_those_of_its_evaluations(name):
    arrays = make_arrays()
    data = home_ground.FourFactors()
    data.factor_names = list(data.factor_names)
    # 600 images would be more than there are combinations.
    whole = {"whole_dataset": False} if name == "elbo_decomposition" else {}
    expected = getattr(metrics, f"compute_{name}")(
        data, None, np.random.RandomState(SEED), codes=arrays.codes, **whole
    )
    measured = suite.compute(name, arrays, SEED)
    assert len(measured) > 3
    # The evaluation's reasons also name its own remedies.
    for key in measured.keys() - {"reasons"}:
        assert measured[key] == expected[key], key
