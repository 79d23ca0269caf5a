# SPDX-License-Identifier: Apache-2.0
"""Is RTC-VAE more than a wider prior? Thirty models, trained until curves are flat.

On the rendered twin of dSprites with the paper's networks, batches of 64 and ten times
the library's learning rate for the VAE. Three seeds each of FactorVAE and RTC-VAE at 10
and 50, DIP-VAE-I and beta-TCVAE at 10, and of what a sceptic asks for: RTC-VAE with a
weak and a strong variance penalty, FactorVAE with six latents, about as many as it
keeps active of ten, so that none is left to be passive, and RTC-VAE with room to spare.
(With as many as RTC-VAE keeps active, nine or ten of ten, FactorVAE would be the first
kind.)

Seeds vary fastest and kinds come in the order of what they decide: whoever runs out of
time has the first kinds whole.
"""

import disentanglement_lib.utils.hyperparams as h

from rtc_plugin.config.folder_study import FolderStudy
from rtc_plugin.config.rtc_study_v1 import sweep

NUM_UPDATES = 8000
MONITOR_EVERY = 250
SEEDS = (0, 1, 2)


def _rtc_vae(beta, *others):
    return h.zipit([sweep.rtc_vae([beta]), *others])


def _factor_vae(beta, *others):
    return h.zipit([sweep.factor_vae([beta], NUM_UPDATES, MONITOR_EVERY), *others])


def _num_latent(number):
    return h.fixed("encoder.num_latent", number)


def get_config():
    """Returns the bindings of all models."""
    kinds = [
        _factor_vae(10.0),
        _rtc_vae(10.0),
        sweep.dip_vae("i", [10.0]),
        _factor_vae(50.0),
        _rtc_vae(50.0),
        sweep.beta_tc_vae([10.0]),
        _rtc_vae(10.0, h.fixed("rtc_vae.eta", 2.0)),
        _rtc_vae(10.0, h.fixed("rtc_vae.eta", 50.0)),
        _factor_vae(10.0, _num_latent(6)),
        _rtc_vae(10.0, _num_latent(20)),
    ]
    return h.product(
        [sweep.datasets(["dsprites_rendered"]), h.chainit(kinds), sweep.seeds(SEEDS)]
    )


class RTCStudyConverged(FolderStudy):
    """Defines the study."""

    def __init__(self):
        super().__init__(__file__, get_config())
