# SPDX-License-Identifier: Apache-2.0
"""Theorem 1 of the RTC-VAE paper in numbers: TC(mu) unbounded, TC(z) bounded.

Each case is a law of encodings with the exact total correlation of means and samples:

    structure           mu                                  noise, standard deviation
    figure1             (t, t/10)                           0.1 and 1
    family              unit variances, correlation rho     sigma, all latents
    rank_one            (t, ..., t)                         sigma, all latents
    heteroscedastic     (t, t/10)                           sigma for |mu| < 1, beyond
                                                            sigma / |mu|^l

with t ~ N(0, 1); rho and l are the case's parameter. The second argument of the paper's
N(., .) is a variance, hence Figure 1's 0.1. The heteroscedastic codes are not normal,
so their value comes from quadrature; Proposition 1 underestimates it up to tenfold.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (Theorem 1, Figure 1)
"""

import math
from typing import Callable, NamedTuple

import numpy as np

from rtc_plugin import total_correlation
from rtc_plugin.estimators import gaussian_population

STRUCTURES = ("figure1", "family", "rank_one", "heteroscedastic")


class Case(NamedTuple):
    """A law of encodings and its exact total correlations, in nats.

    Attributes:
        det: Determinant of the means' correlation matrix.
        tc_mean: TC(mu).
        tc_sample: TC(z).
        gaussian_tc_sample: Proposition 1 on z's covariance.
        draw: Function of (random, batch_size) that gives z, z_mean, z_logvar.
    """

    det: float
    tc_mean: float
    tc_sample: float
    gaussian_tc_sample: float
    draw: Callable


def case(structure, num_latent, sigma, parameter):
    """Returns a `Case`.

    Args:
        structure: One of `STRUCTURES`.
        num_latent: Number of latents; figure1, family and heteroscedastic have two.
        sigma: Standard deviation of the noise.
        parameter: rho of the family, l of the heteroscedastic noise.

    Raises:
        ValueError: An unknown structure.
    """
    if structure == "heteroscedastic":
        return _heteroscedastic(sigma, parameter)
    if structure == "figure1":
        noise = np.array([0.1, 1.0])
        cov = np.array([[1.0, 0.1], [0.1, 0.01]])
    elif structure in ("family", "rank_one"):
        noise = np.full(num_latent, float(sigma))
        rho = parameter if structure == "family" else 1.0
        cov = (1.0 - rho) * np.eye(num_latent) + rho
    else:
        raise ValueError(
            f"structure must be one of {', '.join(STRUCTURES)}, got {structure!r}."
        )
    population = gaussian_population.Population(cov, noise)
    return Case(
        population.det,
        population.tc_mean,
        population.tc_sample,
        population.tc_sample,
        population.draw,
    )


def heteroscedastic_total_correlation(sigma, power, num_points=600):
    """Returns TC(z) of the heteroscedastic case by quadrature, in nats.

    Both the codes and t live on grids: the joint density is then one matrix product.

    Args:
        sigma: Standard deviation of the noise within |mu| < 1.
        power: l, how fast it falls beyond.
        num_points: Of each grid; the error falls faster than any power of it while
            the spacing is below the smallest noise.
    """
    # Beyond 7 deviations of t lies 1e-12 of the mass; the noise is smallest there.
    t, step = np.linspace(-7.0, 7.0, 4 * num_points + 1, retstep=True)
    weight = np.exp(-0.5 * t**2) * step / math.sqrt(2.0 * math.pi)
    noise = _noise(t, sigma, power)
    codes, densities = [], []
    for slope in (1.0, 0.1):
        reach = slope * 7.0 + 8.0 * sigma
        code = np.linspace(-reach, reach, num_points)
        score = (code - slope * t[:, None]) / noise[:, None]
        density = np.exp(-0.5 * score**2) / (noise[:, None] * math.sqrt(2 * math.pi))
        codes.append(code[1] - code[0])
        densities.append(density)
    joint = (densities[0] * weight[:, None]).T @ densities[1]
    first, second = weight @ densities[0], weight @ densities[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(joint) - np.log(first)[:, None] - np.log(second)
        integrand = np.where(joint > 0, joint * ratio, 0.0)
    return float(integrand.sum() * codes[0] * codes[1])


def _noise(t, sigma, power):
    size = np.abs(t) * math.sqrt(1.01)
    return np.where(size < 1.0, sigma, sigma * np.maximum(size, 1.0) ** -power)


def _heteroscedastic(sigma, power):
    t, step = np.linspace(-12.0, 12.0, 100001, retstep=True)
    weight = np.exp(-0.5 * t**2) * step / math.sqrt(2.0 * math.pi)
    variance = float(np.sum(weight * _noise(t, sigma, power) ** 2))
    cov = np.array([[1.0, 0.1], [0.1, 0.01]]) + variance * np.eye(2)

    def draw(random, batch_size):
        t = random.standard_normal((batch_size, 1))
        z_mean = t * [1.0, 0.1]
        noise = np.repeat(_noise(t, sigma, power), 2, axis=1)
        z = z_mean + noise * random.standard_normal(z_mean.shape)
        return z, z_mean, 2.0 * np.log(noise)

    return Case(
        0.0,
        math.inf,
        heteroscedastic_total_correlation(sigma, power),
        total_correlation.gaussian_from_covariance(cov),
        draw,
    )
