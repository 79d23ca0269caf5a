# SPDX-License-Identifier: Apache-2.0
"""Four models that train for seconds: shows that a study runs, and nothing else.

RTC-VAE and FactorVAE at strengths 2 and 10 on the rendered twin of dSprites, 30 updates
each.
"""

import disentanglement_lib.utils.hyperparams as h

from rtc_plugin.config.folder_study import FolderStudy
from rtc_plugin.config.rtc_study_v1 import sweep

NUM_UPDATES = 30
MONITOR_EVERY = 10
STRENGTHS = (2.0, 10.0)


def get_config():
    """Returns the bindings of all models."""
    models = [
        sweep.rtc_vae(STRENGTHS),
        sweep.factor_vae(STRENGTHS, NUM_UPDATES, MONITOR_EVERY),
    ]
    return h.product(
        [sweep.datasets(["dsprites_rendered"]), h.chainit(models), sweep.seeds([0])]
    )


class RTCStudyTiny(FolderStudy):
    """Defines the study."""

    def __init__(self):
        super().__init__(__file__, get_config())
