# SPDX-License-Identifier: Apache-2.0
"""What the KL term of the evidence lower bound is made of.

    E_n KL(q(z|n) || p(z)) = I(z;n) + TC(z) + sum_k KL(q(z_k) || p(z_k))       [1]
                           = I(z;n) + KL(q(z) || p(z))                         [2]

with q(z) = 1/N sum_n q(z|n) over N encodings and p(z) = N(0, I).

#### References
[1] Chen et al. Isolating Sources of Disentanglement in VAEs, 2018.
    https://arxiv.org/abs/1802.04942 (eq. 2)
[2] Kim, Mnih. Disentangling by Factorising, 2018. https://arxiv.org/abs/1802.05983
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.measures import results as results_lib
from rtc_plugin.measures.codes import Codes
from rtc_plugin.total_correlation import aggregated, densities
from rtc_plugin.total_correlation.checks import Seed, random_generator


def elbo_decomposition(
    codes: Codes, random_state: Seed = 0, num_draws: int = 5000
) -> dict[str, Any]:
    """Measures index-code information, total correlation and dimension-wise KL.

    All in nats, >= 0 up to sampling noise. The aggregated posterior is the exact
    mixture over the encoded images, so the only error is that of the draws, which
    is reported; `kl_error` is the sum of the three terms minus the analytic KL and is
    0 within `kl_error_stderr`.

    The index n runs over the encoded images only. I(z;n) cannot exceed log N
    (`index_code_mi_limit`): where it comes near, as it does for 5000 images and any
    well-trained model, a larger N gives a larger I(z;n) and a smaller TC, by many nats,
    and the standard errors do not cover that. So the I(z;x) of all images is enclosed
    between index_code_mi and index_code_mi_upper (in expectation over the images), and
    where they are more than .1 nats apart, `index_code_mi_saturated` is true and
    `reasons` says what to do: encode the whole data set, for which the terms are what
    they are. The terms say nothing of ground-truth factors.

    Takes about 3 seconds for 5000 images and draws with 10 latents on two cores, in
    proportion to both: about 5 minutes on 480,000 images, and their encoding.

    Args:
        codes: `Codes` with means and log variances.
        random_state: Seed, `numpy.random.RandomState` or `Generator`.
        num_draws: Draws of z behind each expectation over q(z).

    Returns:
        Dictionary of index_code_mi, total_correlation, dimension_wise_kl, marginal_kl
        (KL(q(z) || p(z)), the sum of the latter two), each with _stderr;
        index_code_mi_limit, index_code_mi_upper (with _stderr; both None if infinite)
        and index_code_mi_saturated; whole_dataset (whether the codes are those of all
        images, which are never saturated); kl (analytic), kl_from_terms, kl_error,
        kl_error_stderr; per latent, latent_mutual_information I(z_k;n),
        latent_marginal_kl, latent_kl; num_encodings. What cannot be had is None;
        `not_computed` lists its keys and `reasons` says why.

    Raises:
        UserError: num_draws < 2.

    Examples:
        >>> from rtc_plugin.measures.codes import gaussian_codes
        >>> z_mean = np.array([[-1.0], [1.0]])
        >>> codes = gaussian_codes(z_mean, np.full((2, 1), -9.0))
        >>> results = elbo_decomposition(codes)
        >>> print(f"{results['index_code_mi']:.3f} of {math.log(2):.3f} nats")
        0.693 of 0.693 nats
    """
    if num_draws < 2:
        raise UserError(f"elbo_decomposition.num_draws={num_draws} must be 2 or more.")
    results = {
        "representation": codes.representation,
        "not_computed": [],
        "reasons": {},
    }
    if codes.z_logvar is None:
        results_lib.withhold(
            results,
            ["index_code_mi", "total_correlation", "kl"],
            f"A `{codes.representation}` representation does not hold means and log "
            "variances; `mean_and_logvar` does.",
        )
    else:
        results.update(decompose(codes, random_generator(random_state), num_draws))
        _judge_saturation(results)
    return results


def decompose(
    codes: Codes, random: np.random.Generator, num_draws: int
) -> dict[str, Any]:
    """Returns the terms of the KL divergence; see `elbo_decomposition`."""
    z_mean, z_logvar = codes.z_mean, codes.z_logvar
    z, index = tc.sample_mixture(z_mean, z_logvar, num_draws, random)
    log_joint, log_marginals = tc.mixture_log_densities(z, z_mean, z_logvar)
    log_own = densities.gaussian_log_density(z, z_mean[index], z_logvar[index])
    log_others = log_joint
    if not codes.whole_dataset:
        log_others = aggregated.log_density_of_others(
            log_own.sum(axis=1), log_joint, len(z_mean)
        )
    log_prior = -0.5 * (math.log(2.0 * math.pi) + z**2)
    terms = {
        "index_code_mi": log_own.sum(axis=1) - log_joint,
        "index_code_mi_upper": log_own.sum(axis=1) - log_others,
        "total_correlation": log_joint - log_marginals.sum(axis=1),
        "dimension_wise_kl": (log_marginals - log_prior).sum(axis=1),
        "marginal_kl": log_joint - log_prior.sum(axis=1),
        "kl_from_terms": (log_own - log_prior).sum(axis=1),
    }
    results = {}
    for name, values in terms.items():
        results[name] = values.mean()
        with np.errstate(invalid="ignore"):  # An infinite upper bound has none.
            results[f"{name}_stderr"] = values.std(ddof=1) / math.sqrt(num_draws)
    latent_kl = tc.gaussian_kl(z_mean, z_logvar).mean(axis=0)
    return dict(
        results,
        index_code_mi_limit=math.log(len(z_mean)),
        kl=latent_kl.sum(),
        kl_error=results["kl_from_terms"] - latent_kl.sum(),
        kl_error_stderr=results["kl_from_terms_stderr"],
        latent_mutual_information=(log_own - log_marginals).mean(axis=0),
        latent_marginal_kl=(log_marginals - log_prior).mean(axis=0),
        latent_kl=latent_kl,
        num_encodings=len(z_mean),
        whole_dataset=codes.whole_dataset,
    )


def _judge_saturation(results):
    """Puts beside the terms whether they hold for more than the encoded images."""
    lower, upper = results["index_code_mi"], results["index_code_mi_upper"]
    results["index_code_mi_saturated"] = aggregated.is_saturated(lower, upper)
    if not math.isfinite(upper):
        results_lib.withhold(
            results,
            ["index_code_mi_upper", "index_code_mi_upper_stderr"],
            "Some encodings overlap with no other: nothing bounds I(z;x) from above.",
        )
    if results["index_code_mi_saturated"]:
        limit = f" and at most {upper:.2f}" if math.isfinite(upper) else ""
        results["reasons"]["index_code_mi_saturated"] = (
            f"I(z;x) of all images is at least {lower:.2f}{limit} nats; index_code_mi, "
            "total_correlation and marginal_kl are those of "
            f"{results['num_encodings']} images alone."
        )


def reconstruction_error(
    images: ArrayLike, output: ArrayLike, activation: str = "'logits'"
) -> tuple[NDArray, NDArray]:
    """Returns Bernoulli cross-entropy (nats) and squared error per image.

    The definitions are those of the library's `bernoulli_loss` (the images' own entropy
    not subtracted) and `l2_loss`.

    Args:
        images: [n, height, width, channels] in [0, 1].
        output: The decoder's output, of the same shape.
        activation: "'logits'" or "'tanh'": what makes pixels of it, as gin writes it.

    Returns:
        Two arrays [n].
    """
    if "tanh" in activation:
        pixels = np.clip(np.tanh(output) / 2.0 + 0.5, 1e-6, 1.0 - 1e-6)
        bernoulli = -special.xlogy(images, pixels)
        bernoulli -= special.xlog1py(1.0 - images, -pixels)
    else:
        pixels = special.expit(output)
        bernoulli = np.logaddexp(0.0, output) - images * output
    axes = (1, 2, 3)
    return bernoulli.sum(axis=axes), ((images - pixels) ** 2).sum(axis=axes)
