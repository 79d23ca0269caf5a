# SPDX-License-Identifier: Apache-2.0
"""`mig_variants` as a gin metric. See `rtc_plugin.measures.mig_variants`."""

from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.mig_variants import mig_variants


@metric("mig_variants")
def compute_mig_variants(codes, num_bins=20):
    """Computes `measures.mig_variants` of the means, or of plain codes."""
    return mig_variants(codes.plain, codes.factors, num_bins)
