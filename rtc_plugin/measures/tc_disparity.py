# SPDX-License-Identifier: Apache-2.0
"""TC_mean, TC_sample, and what lies between them.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (Proposition 1)
[2] Bonheme, Grzes. Be More Active! JMLR 2023. https://arxiv.org/abs/2109.12679
"""

import math
from typing import Any

import numpy as np

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.measures import codes as codes_lib
from rtc_plugin.measures import results as results_lib
from rtc_plugin.measures.codes import Codes
from rtc_plugin.total_correlation.checks import Seed, random_generator

# Correlation matrices have eigenvalues of mean 1; float32 codes that are copies of each
# other leave about 1e-14. A floor between the two makes each such direction cost
# -1/2 log(1e-12) = 13.8 nats instead of infinity.
FLOOR = 1e-12

_ACTIVE = ("tc_mean_active", "tc_sample_active", "tc_sample_active_analytic")


def tc_disparity(
    codes: Codes,
    random_state: Seed = 0,
    num_draws: int = 10,
    num_bootstrap: int = 100,
    active_above: float = 0.9,
    passive_below: float = 0.1,
    dead_below: float = 0.01,
) -> dict[str, Any]:
    """Measures the Gaussian total correlation of means and of samples, and their gap.

    TC_mean is the total correlation of the Gaussian with the covariance of the means
    z_mean(x), TC_sample that of z ~ q(z|x), both on the same images; in [0, inf), nats,
    0 is independent, lower is better. By algebra TC_sample <= TC_mean in the
    population, and the gap is a function of the signal shares r_k and Corr z_mean
    alone: noise in a latent hides the dependence of its mean. A gap therefore says
    nothing of disentanglement unless it persists on the active latents.

    Blind to dependence without correlation (see `tc_nongaussian`), and to scale: a
    latent whose mean varies by 1e-4 counts in TC_mean like any other.

    Takes about a second at 5000 images and 10 latents.

    Args:
        codes: `Codes`; those with means and log variances have all of the values,
            plain ones only what they hold.
        random_state: Seed, `numpy.random.RandomState` or `Generator`.
        num_draws: Draws of z that TC_sample is averaged over.
        num_bootstrap: Resamples of the images behind the standard errors.
        active_above: Signal share from which a latent is active.
        passive_below: Signal share up to which a latent is passive.
        dead_below: Signal share below which a latent is dead as well. In a plain
            representation, only a constant latent is known to be dead.

    Returns:
        Dictionary of tc_mean, tc_sample, tc_gap (their difference),
        tc_sample_analytic (from Cov z_mean + diag E sigma^2, without drawing),
        tc_mean_active, tc_sample_active and tc_sample_active_analytic (over active
        latents only; None if fewer than two), each with _stderr; tc_sample_draw_std
        (between draws); tc_noise_floor and tc_noise_floor_std (what independent
        Gaussian latents score at this number of images); tc_mean_singular (latents are
        linearly dependent, so that the true value is infinite and tc_mean counts 13.8
        nats per dependence); tc_invariant_holds (TC_sample <= TC_mean up to noise);
        num_active, num_mixed, num_passive, num_dead; lists per latent: latent_class,
        signal_share r_k, noise_share 1 - r_k, variance_of_mean, mean_of_variance,
        kl_per_latent; dead_latents (numbers). What cannot be had (the
        representation does not tell, or there is no pair of active latents) is None;
        `not_computed` lists its keys and `reasons` says why.

    Raises:
        UserError: num_draws or num_bootstrap below 2.

    Examples:
        >>> from rtc_plugin.measures.codes import gaussian_codes
        >>> random = np.random.default_rng(0)
        >>> z_mean = random.standard_normal((5000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
        >>> codes = gaussian_codes(z_mean, np.log(np.full((5000, 2), 0.5)))
        >>> results = tc_disparity(codes)
        >>> print(f"{results['tc_mean']:.1f} {results['tc_sample']:.1f} nats")
        0.5 0.2 nats
    """
    for name, number in (("num_draws", num_draws), ("num_bootstrap", num_bootstrap)):
        if number < 2:
            raise UserError(f"tc_disparity.{name}={number} must be 2 or more.")
    random = random_generator(random_state)
    if codes.z_logvar is None:
        results = _plain_disparity(codes, random, num_bootstrap)
    else:
        classes = tc.classify_latents(
            codes.z_mean, codes.z_logvar, active_above, passive_below
        )
        results = _disparity(
            codes, random, num_draws, num_bootstrap, classes, dead_below
        )
    num_samples, num_latent = codes.plain.shape
    num_alive = num_latent - len(results["dead_latents"])
    results.setdefault("not_computed", [])
    results.setdefault("reasons", {})
    results.update(
        representation=codes.representation,
        num_samples=num_samples,
        num_latent=num_latent,
        num_dead=len(results["dead_latents"]),
        tc_noise_floor=tc.gaussian_bias(num_samples, max(num_alive, 1)),
        tc_noise_floor_std=tc.gaussian_spread(num_samples, max(num_alive, 1)),
    )
    return results


def _disparity(codes, random, num_draws, num_bootstrap, classes, dead_below):
    z_mean, z_logvar = codes.z_mean, codes.z_logvar
    # One latent has nothing to depend on: no pair of active latents, no value.
    groups = {"": np.arange(z_mean.shape[1])}
    active = np.flatnonzero(classes == tc.ACTIVE)
    if len(active) >= 2:
        groups["_active"] = active

    def measure_draw():
        z = codes.draw(random)
        return {
            f"tc_sample{suffix}": tc.gaussian(z[:, latents], FLOOR, codes.precision)
            for suffix, latents in groups.items()
        }

    def measure_images(rows):
        mean, logvar = z_mean[rows], z_logvar[rows]
        measured = {}
        for suffix, latents in groups.items():
            measured[f"tc_mean{suffix}"] = tc.gaussian(
                mean[:, latents], FLOOR, codes.precision
            )
            measured[f"tc_sample{suffix}_analytic"] = tc.gaussian_sampled(
                mean[:, latents], logvar[:, latents], FLOOR, codes.precision
            )
        return measured

    draws = _columns([measure_draw() for _ in range(num_draws)])
    results = measure_images(slice(None))
    results.update((key, np.mean(values)) for key, values in draws.items())
    results["tc_gap"] = results["tc_mean"] - results["tc_sample"]
    results["tc_sample_draw_std"] = np.std(draws["tc_sample"], ddof=1)

    num_samples = len(z_mean)
    resamples = _columns(
        [
            measure_images(random.integers(num_samples, size=num_samples))
            for _ in range(num_bootstrap)
        ]
    )
    for key, values in resamples.items():
        results[f"{key}_stderr"] = np.std(values, ddof=1)
    # Given the images, the mean over draws is TC_sample's noise-free form; so the two
    # sources of error, images and draws, add up.
    gaps = resamples["tc_mean"] - resamples["tc_sample_analytic"]
    errors = {key: results[f"{key}_analytic_stderr"] for key in draws}
    errors["tc_gap"] = np.std(gaps, ddof=1)
    for key, error in errors.items():
        draw = draws["tc_sample" if key == "tc_gap" else key]
        results[f"{key}_stderr"] = np.hypot(
            error, np.std(draw, ddof=1) / math.sqrt(num_draws)
        )

    variance_of_mean = z_mean.var(axis=0, ddof=1)
    variance = np.exp(z_logvar)
    share = tc.signal_share(z_mean, z_logvar)
    slack = 3.0 * results["tc_gap_stderr"] + 1e-6
    results.update(
        tc_mean_singular=_is_singular(z_mean, codes.precision),
        tc_invariant_holds=bool(results["tc_gap"] >= -slack),
        num_active=np.count_nonzero(classes == tc.ACTIVE),
        num_mixed=np.count_nonzero(classes == tc.MIXED),
        num_passive=np.count_nonzero(classes == tc.PASSIVE),
        latent_class=classes,
        signal_share=share,
        noise_share=1.0 - share,
        variance_of_mean=variance_of_mean,
        mean_of_variance=variance.mean(axis=0),
        kl_per_latent=tc.gaussian_kl(z_mean, z_logvar).mean(axis=0),
        dead_latents=np.flatnonzero(share < dead_below),
    )
    if len(active) < 2:
        results_lib.withhold(
            results,
            [f"{key}{end}" for key in _ACTIVE for end in ("", "_stderr")],
            f"A total correlation needs two active latents; there are {len(active)}.",
        )
    return results


def _plain_disparity(codes, random, num_bootstrap):
    """What a representation of one kind tells: its own total correlation."""
    z = codes.plain
    known, unknown = ("tc_mean", "tc_sample")
    if codes.representation == codes_lib.SAMPLED:
        known, unknown = unknown, known
    resamples = [
        tc.gaussian(z[random.integers(len(z), size=len(z))], FLOOR, codes.precision)
        for _ in range(num_bootstrap)
    ]
    results = {
        known: tc.gaussian(z, FLOOR, codes.precision),
        f"{known}_stderr": np.std(resamples, ddof=1),
    }
    results[f"variance_of_{'mean' if known == 'tc_mean' else 'sample'}"] = z.var(
        axis=0, ddof=1
    )
    results[f"{known}_singular"] = _is_singular(z, codes.precision)
    results["dead_latents"] = np.flatnonzero(np.ptp(z, axis=0) == 0)
    results_lib.withhold(
        results,
        [
            unknown,
            "tc_gap",
            "tc_sample_analytic",
            *_ACTIVE,
            "num_active",
            "num_mixed",
            "num_passive",
            "signal_share",
            "kl_per_latent",
        ],
        f"A `{codes.representation}` representation does not hold means and log "
        "variances; `mean_and_logvar` does.",
    )
    return results


def _is_singular(z, precision):
    """Returns whether the floor takes part in the total correlation of `z`."""
    floored = tc.gaussian(z, FLOOR, precision)
    return bool(tc.gaussian(z, precision=precision) > floored + 1e-6)


def _columns(rows):
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}
