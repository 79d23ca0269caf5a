# SPDX-License-Identifier: Apache-2.0
"""The figures of a report, those that `rtc visualize` draws of a run."""

from rtc_plugin import measures
from rtc_plugin.measures.scores import CATEGORICAL
from rtc_plugin.measures.tc_nongaussian import without_rounding
from rtc_plugin.visualize import codes as code_figures

# Rows behind the numbers in the figures.
_NUM_ROWS = 5000


def draw(report):
    """Returns the figures of a report, see `Report.figures`."""
    arrays = report.arrays.head(_NUM_ROWS)
    codes, names = arrays.codes, arrays.factor_names
    if arrays.factors is None:
        return code_figures.draw(codes)
    found = report.results.get("factor_disintegration")
    if found is None:
        z = without_rounding(codes.plain, codes.precision)
        found = measures.factor_disintegration(z, arrays.values, 0, arrays.categorical)
    categorical = [names[j] for j in arrays.categorical] + list(CATEGORICAL)
    return code_figures.draw(codes, arrays.factors, names, categorical, found)
