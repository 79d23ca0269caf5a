# SPDX-License-Identifier: Apache-2.0
"""Data sets that gin files say more of than their name."""

import gin

from rtc_plugin.data.ground_truth import own_data, weighted


@gin.configurable(module="rtc_plugin")
def file_data(path=gin.REQUIRED, size=None):
    """Returns the data set in a file or folder; see `own_data.open_own`."""
    return own_data.open_own(path, size)


@gin.configurable(module="rtc_plugin")
def weighted_data(name=gin.REQUIRED):
    """Returns the data set `name` under `weighted_sampling`; for evaluation."""
    from disentanglement_lib.data.ground_truth import named_data

    return weighted.weighted_sampling(named_data.get_named_ground_truth_data(name))
