# SPDX-License-Identifier: Apache-2.0
"""All the plugin's metrics on one encoding of the images."""

import numpy as np
import tqdm
from absl import logging

from rtc_plugin.compat.commands import is_command
from rtc_plugin.evaluation.metric import metric
from rtc_plugin.evaluation.metrics.conditional_independence import (
    compute_conditional_independence,
)
from rtc_plugin.evaluation.metrics.elbo_decomposition import (
    compute_elbo_decomposition,
)
from rtc_plugin.evaluation.metrics.factor_disintegration import (
    compute_factor_disintegration,
)
from rtc_plugin.evaluation.metrics.tc_disparity import compute_tc_disparity
from rtc_plugin.evaluation.metrics.tc_nongaussian import compute_tc_nongaussian


@metric("rtc_metrics")
def compute_rtc_metrics(
    codes,
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir,
    metrics=(
        compute_tc_disparity,
        compute_tc_nongaussian,
        compute_elbo_decomposition,
        compute_factor_disintegration,
        compute_conditional_independence,
    ),
):
    """Encodes images once and computes several metrics on them.

    Each metric takes its other parameters by gin as ever (`tc_disparity.num_draws`),
    and gives what it gives when it runs alone with this `num_train`, `batch_size` and
    seed.

    Takes the sum of the metrics' times, about half a minute at the defaults with 10
    latents on two cores, and one encoding of the images.

    Args:
        codes: `Codes` of the images.
        ground_truth_data: GroundTruthData that they are of.
        representation_function: Function from observations to representations.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        metrics: The metrics, functions of this package, by gin e.g.
            `(@tc_disparity, @mig_variants)`.

    Returns:
        Dictionary with the keys of all of them; `not_computed` and `reasons` are
        joined.

    Raises:
        UserError: As the metrics.
    """
    state = random_state.get_state()
    results, not_computed, reasons = {}, [], {}
    # On a terminal; elsewhere, a line for each.
    bar = tqdm.tqdm(metrics, unit="metric", disable=None if is_command() else True)
    for compute in bar:
        name = compute.__name__.replace("compute_", "")
        bar.set_description(name)
        if bar.disable:
            logging.info("Computing %s.", name)
        own_state = np.random.RandomState()
        own_state.set_state(state)
        measured = compute(
            ground_truth_data,
            representation_function,
            own_state,
            artifact_dir=artifact_dir,
            codes=codes,
        )
        not_computed += measured.pop("not_computed", [])
        reasons.update(measured.pop("reasons", {}))
        results.update(measured)
    return dict(results, not_computed=not_computed, reasons=reasons)
