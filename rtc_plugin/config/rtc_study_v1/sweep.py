# SPDX-License-Identifier: Apache-2.0
"""The comparison of RTC-VAE's paper at its own size: 450 models.

RTC-VAE, FactorVAE, DIP-VAE-I and DIP-VAE-II at the strengths of the paper's Table 1,
beta-VAE and beta-TCVAE for context, on dSprites, Shapes3D and Cars3D, five seeds each.
The paper states batch size (500) and networks (Table 2), but neither steps, learning
rates nor seeds: the library's rates are taken, and 38,400 updates, which see as many
images as the library's study does.

Every model makes the same number of updates. The library's FactorVAE counts two
training steps per update, its discriminator's and its own, so it is given twice the
`model.training_steps`, and is watched half as often per step.

References:
    [1] RTC-VAE. https://arxiv.org/abs/2009.05739
"""

import disentanglement_lib.utils.hyperparams as h

from rtc_plugin.config.folder_study import FolderStudy

NUM_UPDATES = 38400
MONITOR_EVERY = 1600
BETAS = (2.0, 6.0, 10.0, 20.0, 50.0)
# Not a slip: the paper's grid for DIP-VAE has 5 where the others have 6.
LAMBDAS = (2.0, 5.0, 10.0, 20.0, 50.0)


def datasets(names):
    """Returns one configuration per data set."""
    return h.sweep("dataset.name", h.categorical(list(names)))


def seeds(numbers):
    """Returns one configuration per seed."""
    return h.sweep("model.random_seed", h.categorical(list(numbers)))


def rtc_vae(betas):
    """Returns RTC-VAE at each beta; eta is max(10, beta)."""
    return _model("rtc_vae", "@rtc_vae()", h.sweep("rtc_vae.beta", list(betas)))


def factor_vae(betas, num_updates=NUM_UPDATES, monitor_every=MONITOR_EVERY):
    """Returns FactorVAE at each beta, which the library calls gamma."""
    return _model(
        "factor_vae",
        "@factor_vae()",
        h.sweep("factor_vae.gamma", list(betas)),
        h.fixed("model.training_steps", 2 * num_updates),
        h.fixed("tc_monitor.every", 2 * monitor_every),
    )


def dip_vae(dip_type, lambdas):
    """Returns DIP-VAE-I (lambda_d = 10 lambda_od) or DIP-VAE-II (lambda_d = lambda_od).

    Args:
        dip_type: 'i' or 'ii'.
        lambdas: Values of lambda_od.
    """
    return _model(
        f"dip_vae_{dip_type}",
        "@dip_vae()",
        h.sweep("dip_vae.lambda_od", list(lambdas)),
        h.fixed("dip_vae.lambda_d_factor", {"i": 10.0, "ii": 1.0}[dip_type]),
        h.fixed("dip_vae.dip_type", dip_type),
    )


def beta_vae(betas):
    """Returns beta-VAE at each beta."""
    return _model("beta_vae", "@vae()", h.sweep("vae.beta", list(betas)))


def beta_tc_vae(betas):
    """Returns beta-TCVAE at each beta of the paper, one less than the library's."""
    library_betas = [beta + 1 for beta in betas]
    return _model(
        "beta_tc_vae", "@beta_tc_vae()", h.sweep("beta_tc_vae.beta", library_betas)
    )


def _model(name, reference, *others):
    # model.model is @tc_monitor(), which has learning curves written.
    fixed = [h.fixed("model.name", name), h.fixed("tc_monitor.model", reference)]
    return h.zipit([*fixed, *others])


def get_config():
    """Returns the bindings of all models; seeds vary fastest, data sets slowest."""
    models = h.chainit(
        [
            rtc_vae(BETAS),
            factor_vae(BETAS),
            dip_vae("i", LAMBDAS),
            dip_vae("ii", LAMBDAS),
            beta_vae(BETAS),
            beta_tc_vae(BETAS),
        ]
    )
    return h.product(
        [datasets(["dsprites_full", "shapes3d", "cars3d"]), models, seeds(range(5))]
    )


class RTCStudyV1(FolderStudy):
    """Defines the study."""

    def __init__(self):
        super().__init__(__file__, get_config())
