# SPDX-License-Identifier: Apache-2.0
"""The comparison of RTC-VAE's paper made small: 36 models, an hour on two cores.

On the rendered twins of dSprites and Shapes3D. RTC-VAE, FactorVAE, DIP-VAE-I and
DIP-VAE-II at strengths 2, 10 and 50, with a second seed at 10; beta-VAE and beta-TCVAE
at 10 for context. Batches of 32 instead of 500, 1,100 updates instead of 38,400, and
ten times the learning rate for the VAE: it sees 0.2 % of the images, so its orderings
are hints and its values are not the paper's.

Every model makes the same number of updates; FactorVAE has twice the
`model.training_steps`, because the library counts two per update.
"""

import disentanglement_lib.utils.hyperparams as h

from rtc_plugin.config.folder_study import FolderStudy
from rtc_plugin.config.rtc_study_v1 import sweep

NUM_UPDATES = 1100
MONITOR_EVERY = 100
STRENGTHS = (2.0, 10.0, 50.0)
CONTEXT = (10.0,)


def _paper_models(strengths):
    return [
        sweep.rtc_vae(strengths),
        sweep.factor_vae(strengths, NUM_UPDATES, MONITOR_EVERY),
        sweep.dip_vae("i", strengths),
        sweep.dip_vae("ii", strengths),
    ]


def get_config():
    """Returns the bindings of all models; data sets vary slowest."""
    context = [sweep.beta_vae(CONTEXT), sweep.beta_tc_vae(CONTEXT)]
    first_seed = [h.chainit([*_paper_models(STRENGTHS), *context]), sweep.seeds([0])]
    second_seed = [h.chainit(_paper_models(CONTEXT)), sweep.seeds([1])]
    models = h.chainit([h.product(first_seed), h.product(second_seed)])
    return h.product(
        [sweep.datasets(["dsprites_rendered", "shapes3d_rendered"]), models]
    )


class RTCStudySmall(FolderStudy):
    """Defines the study."""

    def __init__(self):
        super().__init__(__file__, get_config())
