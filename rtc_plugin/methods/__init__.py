# SPDX-License-Identifier: Apache-2.0
"""The plugin's models and networks; importing this package registers them with gin."""

from rtc_plugin.methods import (
    architectures,
    correlated_gaussian,
    density_ratio,
    discriminator_steps,
    optimizers,
    rtc_vae,
    tc_monitor,
    tc_vae,
)

__all__ = [
    "architectures",
    "correlated_gaussian",
    "density_ratio",
    "discriminator_steps",
    "optimizers",
    "rtc_vae",
    "tc_monitor",
    "tc_vae",
]
