# SPDX-License-Identifier: Apache-2.0
"""The rebuilt study on the rendered twins of the data, which need no download."""

from rtc_plugin.errors import UserError
from rtc_plugin.zoo import numbers, study

TWINS = {"dsprites_full": "dsprites_rendered", "shapes3d": "shapes3d_rendered"}


def get_config():
    """Returns the bindings of all models; data sets without a twin keep their names."""
    return [
        {**config, "dataset.name": TWINS.get(name, name)}
        for config in numbers.configs()
        for name in [config["dataset.name"]]
    ]


class RebuildOnTwins(study.Rebuild):
    """`Rebuild` on the twins."""

    def dataset(self, name):
        """Returns the twin of a data set of the study."""
        if name not in TWINS:
            raise UserError(
                f"{name} has no rendered twin; with --twins choose from "
                f"--dataset={','.join(TWINS)}."
            )
        return TWINS[name]


class LightRebuildOnTwins(study.LightMetrics, RebuildOnTwins):
    """`Rebuild` on the twins with fewer metrics."""
