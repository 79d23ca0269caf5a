# SPDX-License-Identifier: Apache-2.0
"""Dependence that a Gaussian cannot see: neighbours, ranks and a discriminator.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (section 6.2)
[2] Kraskov, Stoegbauer, Grassberger. Estimating Mutual Information, 2004.
    https://arxiv.org/abs/cond-mat/0305641
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rtc_plugin import total_correlation as tc
from rtc_plugin.measures import codes as codes_lib
from rtc_plugin.measures import results as results_lib
from rtc_plugin.measures.codes import Codes
from rtc_plugin.measures.tc_disparity import FLOOR
from rtc_plugin.total_correlation import neighbours
from rtc_plugin.total_correlation.checks import Seed, random_generator

_NUM_BLOCKS = 10
MIN_SAMPLES = 200
_QUANTITIES = ("gaussian", "copula", "knn", "tree", "lower_bound", "knn_excess")
# What a network computes is off by a few roundings of its precision.
_ROUNDINGS = 4


def tc_nongaussian(
    codes: Codes,
    random_state: Seed = 0,
    num_neighbours: int = 3,
    num_permutations: int = 50,
    num_permutation_samples: int = 1000,
    use_discriminator: bool = True,
) -> dict[str, Any]:
    """Measures total correlation without assuming Gaussian latents.

    Four estimates, of the means and of samples z ~ q(z|x), in nats, lower is better:
    knn (nearest neighbours [2]) assumes a density only; tree (the spanning tree of the
    strongest pairs, see `tc.tree`) is a lower bound on the total correlation up to its
    error; discriminator (a classifier against shuffled latents, on held-out samples)
    assumes what it can learn; copula sees monotone dependence only but whatever the
    marginals. `lower_bound_*` is the larger of knn and tree, the one number to quote:
    "at least so much". `knn_excess_*` is knn minus the Gaussian total correlation: far
    above its standard error, the latents are uncorrelated but not independent, which
    is the paper's case against DIP-VAE [1].

    What they miss: knn is low, by how much depends on the law. Where all of ten
    latents depend on each other alike it is 5 to 12 % at 5000 images, where two of ten
    do it may be everything (a spiral of 2.45 nats beside eight independent latents
    measures 0). The tree sees that, and misses what no pair shows: 1.96 of 3 nats in
    ten latents of equal correlations. Neither can report more than about log n per
    pair of latents, and copies, whose true value is infinite, are some nats. Slightly
    negative values of knn are independence.

    Read the means with care: mean codes are functions of a few factors, so ten of them
    lie on a surface of fewer dimensions and on a grid, and their true total
    correlation is infinite, which all report as several nats for any model. The
    samples have a density; so has each pair of means. Discrete latents are counted or
    have their ties broken, see `tc.knn`; constant ones depend on nothing.

    The p-values are of independence; with many pairs some are small by chance
    (expect `num_pairs` x level).

    Takes about 20 seconds at the defaults with 10 latents on two cores, a third of it
    in the discriminators.

    Args:
        codes: `Codes`; plain ones give one half of the keys.
        random_state: Seed, `numpy.random.RandomState` or `Generator`.
        num_neighbours: k of the neighbour estimates; the tree has its own.
        num_permutations: Shuffles behind each p-value at most, whose smallest value is
            1 / (1 + num_permutations); 0 leaves the p-values out. A p-value that is far
            from small takes fewer (`neighbours.permutation_test`).
        num_permutation_samples: Images used in the tests of knn and pairs, the first
            so many.
        use_discriminator: Whether to train the discriminators.

    Returns:
        Dictionary; for `*` both `mean` and `sample`: gaussian_*, copula_*, knn_*,
        tree_*, lower_bound_* and knn_excess_* with _stderr (from ten disjoint blocks);
        copula_*_pvalue, knn_*_pvalue, tree_*_pvalue; discriminator_* with _stderr,
        _normaliser (1 if the discriminator is optimal) and _trusted (if not, `reasons`
        says what on held-out samples speaks against the value);
        pairwise_mutual_information_* and pairwise_pvalue_*, [num_latent, num_latent]
        with None on the diagonal; pairwise_max_*; num_dependent_pairs_* (pairs whose
        p-value is the smallest possible); num_pairs. What cannot be had is None;
        `not_computed` lists its keys and `reasons` says why.

    Raises:
        UserError: Fewer than 200 images.
        InputError: As `tc.knn`.

    Examples:
        >>> from rtc_plugin.measures.codes import gaussian_codes
        >>> angle = np.random.default_rng(0).uniform(0.0, 2.0 * np.pi, 1000)
        >>> ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> codes = gaussian_codes(ring, np.full((1000, 2), -4.0))
        >>> results = tc_nongaussian(
        ...     codes, num_permutations=0, use_discriminator=False
        ... )
        >>> bool(results["gaussian_sample"] < 0.01 < 0.3 < results["knn_sample"])
        True
    """
    codes_lib.check_num_samples("tc_nongaussian", len(codes.plain), MIN_SAMPLES)
    random = random_generator(random_state)
    num_latent = codes.plain.shape[1]
    results = {
        "representation": codes.representation,
        "num_pairs": num_latent * (num_latent - 1) // 2,
        "not_computed": [],
        "reasons": {},
    }
    for name, z in (("mean", codes.z_mean), ("sample", codes.draw(random))):
        if z is None:
            results_lib.withhold(
                results,
                [f"{key}_{name}" for key in _QUANTITIES],
                f"A `{codes.representation}` representation does not hold it; "
                "`mean_and_logvar` does.",
            )
            continue
        measured = dependence(
            without_rounding(z, codes.precision),
            random,
            num_neighbours,
            num_permutations,
            num_permutation_samples,
            use_discriminator,
        )
        doubt = measured.pop("discriminator/doubt", None)
        if doubt:
            results["reasons"][f"discriminator_{name}_trusted"] = doubt
        for key, value in measured.items():
            quantity, _, suffix = key.partition("/")
            results["_".join(filter(None, [quantity, name, suffix]))] = value
    return results


def dependence(
    z: ArrayLike,
    random: np.random.Generator,
    num_neighbours: int = 3,
    num_permutations: int = 50,
    num_permutation_samples: int = 1000,
    use_discriminator: bool = True,
) -> dict[str, Any]:
    """Measures the dependence of latents in several ways.

    Args:
        z: [n, num_latent] samples.
        random: `numpy.random.Generator`.
        num_neighbours: k of knn and of the pairs; the tree has its own.
        num_permutations: Shuffles behind each p-value; 0 leaves the p-values out.
        num_permutation_samples: Rows used in the tests of knn and the pairs.
        use_discriminator: Whether to train a discriminator.

    Returns:
        Dictionary; its keys are "quantity" or "quantity/suffix", see
        `tc_nongaussian`. The p-value of the tree is of all rows, and
        "discriminator/doubt" is a sentence or None.

    Raises:
        InputError: As `tc.knn`.
    """

    def measure(z, tree):
        gaussian, knn = tc.gaussian(z, FLOOR), tc.knn(z, num_neighbours)
        lower_bound = max(knn, tree.value)
        return np.array(
            [gaussian, _copula(z), knn, tree.value, lower_bound, knn - gaussian]
        )

    tree = tc.tree(z, num_permutations=num_permutations, random_state=random)
    results = dict(zip(_QUANTITIES, measure(z, tree)))
    errors = results_lib.block_standard_error(
        lambda z: measure(z, tc.tree(z)), z, _NUM_BLOCKS
    )
    results.update((f"{key}/stderr", e) for key, e in zip(_QUANTITIES, errors))

    if use_discriminator:
        estimate = tc.discriminator(z, random)
        results["discriminator"] = estimate.value
        results["discriminator/stderr"] = estimate.standard_error
        results["discriminator/normaliser"] = estimate.normaliser
        results["discriminator/trusted"] = estimate.trusted
        results["discriminator/doubt"] = estimate.reason

    pairwise = tc.pairwise_mutual_information(z, num_neighbours).value
    results["pairwise_mutual_information"] = results_lib.off_diagonal(pairwise)
    results["pairwise_max"] = np.nanmax(pairwise) if z.shape[1] > 1 else 0.0
    if num_permutations:
        few = z[:num_permutation_samples]
        results["knn/pvalue"] = tc.knn_permutation_test(
            few, num_neighbours, num_permutations, random
        ).p_value
        results["tree/pvalue"] = tree.p_value
        results["copula/pvalue"] = _copula_p_value(z, num_permutations, random)
        p_values = tc.pairwise_mutual_information(
            few, num_neighbours, num_permutations, random
        ).p_value
        smallest = 1.0 / (1 + num_permutations)
        pairs = p_values[np.tril_indices(len(p_values), -1)]
        results["pairwise_pvalue"] = results_lib.off_diagonal(p_values)
        results["num_dependent_pairs"] = np.count_nonzero(pairs <= smallest)
    return results


def without_rounding(z: ArrayLike, precision: DTypeLike) -> NDArray:
    """Returns z with latents constant that vary by rounding alone.

    Args:
        z: [n, num_latent] samples.
        precision: Floating-point type that they were computed in.
    """
    size = np.abs(z).max(axis=0)
    varies = np.ptp(z, axis=0) > _ROUNDINGS * np.finfo(precision).eps * size
    return np.where(varies, z, z[0])


def _copula(z):
    # Equal ranks are equal scores, so singular copulas are possible, and infinite.
    return min(tc.copula(z), -0.5 * z.shape[1] * np.log(FLOOR))


def _copula_p_value(z, num_permutations, random):
    return neighbours.permutation_test(
        _copula(z),
        lambda random: _copula(tc.shuffle_latents(z, random)),
        num_permutations,
        random,
    ).p_value
