# SPDX-License-Identifier: Apache-2.0
"""Names of ground-truth factors."""

import gin

from rtc_plugin.errors import UserError
from rtc_plugin.measures.scores import CATEGORICAL  # noqa: F401


@gin.configurable("factor_names", blacklist=["ground_truth_data"])
def factor_names(ground_truth_data, names=None):
    """Returns the names of a data set's ground-truth factors, a list of strings.

    Args:
        ground_truth_data: `GroundTruthData`. Its attribute `factor_names` counts, as
            every data set of the plugin has it; without, they are called factor_0, ...
        names: Names to use instead, by gin.

    Raises:
        UserError: `names` has not one name per factor.
    """
    num_factors = ground_truth_data.num_factors
    names = names or getattr(ground_truth_data, "factor_names", None)
    names = names or [f"factor_{i}" for i in range(num_factors)]
    if len(names) != num_factors:
        raise UserError(
            f"factor_names.names has {len(names)} names for {num_factors} factors."
        )
    return list(names)
