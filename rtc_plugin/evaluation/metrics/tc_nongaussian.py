# SPDX-License-Identifier: Apache-2.0
"""`tc_nongaussian` as a gin metric. See `rtc_plugin.measures.tc_nongaussian`."""

from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.tc_nongaussian import MIN_SAMPLES, tc_nongaussian

compute_tc_nongaussian = metric("tc_nongaussian", MIN_SAMPLES)(tc_nongaussian)
