# SPDX-License-Identifier: Apache-2.0
"""`conditional_independence` by gin. See `measures.conditional_independence`."""

from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.conditional_independence import (
    MIN_SAMPLES,
    conditional_independence,
)

compute_conditional_independence = metric("conditional_independence", MIN_SAMPLES)(
    conditional_independence
)
