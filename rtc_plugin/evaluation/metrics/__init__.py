# SPDX-License-Identifier: Apache-2.0
"""The plugin's metrics; importing this package registers them with gin."""

from rtc_plugin.evaluation.metrics.conditional_independence import (
    compute_conditional_independence,
)
from rtc_plugin.evaluation.metrics.elbo_decomposition import (
    compute_elbo_decomposition,
)
from rtc_plugin.evaluation.metrics.factor_disintegration import (
    compute_factor_disintegration,
)
from rtc_plugin.evaluation.metrics.infomec import compute_infomec
from rtc_plugin.evaluation.metrics.mig_variants import compute_mig_variants
from rtc_plugin.evaluation.metrics.rtc_metrics import compute_rtc_metrics
from rtc_plugin.evaluation.metrics.tc_disparity import compute_tc_disparity
from rtc_plugin.evaluation.metrics.tc_nongaussian import compute_tc_nongaussian

__all__ = [
    "compute_conditional_independence",
    "compute_elbo_decomposition",
    "compute_factor_disintegration",
    "compute_infomec",
    "compute_mig_variants",
    "compute_rtc_metrics",
    "compute_tc_disparity",
    "compute_tc_nongaussian",
]
