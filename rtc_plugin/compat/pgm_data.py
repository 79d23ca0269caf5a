# SPDX-License-Identifier: Apache-2.0
"""The library's abstract reasoning tasks, which know data sets by their class."""

import types


def know_plugin_shapes3d(pgm_data):
    """Lets `dlib_reason` run on the plugin's Shapes3D and on its twin."""
    from rtc_plugin.data.ground_truth import shapes3d, shapes3d_rendered

    classes = (
        pgm_data.shapes3d.Shapes3D,
        shapes3d.Shapes3D,
        shapes3d_rendered.Shapes3DRendered,
    )
    pgm_data.shapes3d = types.SimpleNamespace(Shapes3D=classes)
