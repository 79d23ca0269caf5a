# SPDX-License-Identifier: Apache-2.0
"""The data sets that the library's `dataset.name` finds here first."""

from rtc_plugin.data.ground_truth import dsprites_rendered, shapes3d_rendered, weighted

# Name -> function without arguments that opens the data set.
GROUND_TRUTH_DATA = {
    "dsprites_rendered": dsprites_rendered.DSpritesRendered,
    "shapes3d_rendered": shapes3d_rendered.Shapes3DRendered,
    "weighted": weighted.weighted_data,
}
