# SPDX-License-Identifier: Apache-2.0
"""`tc_disparity` as a gin metric. See `rtc_plugin.measures.tc_disparity`."""

from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.tc_disparity import tc_disparity

compute_tc_disparity = metric("tc_disparity")(tc_disparity)
