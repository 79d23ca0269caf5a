# SPDX-License-Identifier: Apache-2.0
"""Dependence that a Gaussian cannot see: neighbours, ranks and a discriminator.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (section 6.2)
[2] Kraskov, Stoegbauer, Grassberger. Estimating Mutual Information, 2004.
    https://arxiv.org/abs/cond-mat/0305641
"""

import gin
import numpy as np

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.evaluation.metrics.tc_disparity import FLOOR
from rtc_plugin.total_correlation.checks import random_generator

_NUM_BLOCKS = 10
_MIN_SAMPLES = 200


@gin.configurable(
    "tc_nongaussian",
    blacklist=[
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
        "codes",
    ],
)
def compute_tc_nongaussian(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    codes=None,
    num_train=5000,
    batch_size=100,
    num_neighbours=3,
    num_permutations=50,
    num_permutation_samples=1000,
    use_discriminator=True,
):
    """Computes total correlation without assuming Gaussian latents.

    Three estimates, of the means and of samples z ~ q(z|x), in nats, lower is better:
    knn (nearest neighbours [2]) assumes a density only, discriminator (a classifier
    against shuffled latents, on held-out samples) assumes what it can learn, copula
    sees monotone dependence only but whatever the marginals. `knn_excess_*` is knn
    minus the Gaussian total correlation: far above its standard error, the latents
    are uncorrelated but not independent, which is the paper's case against DIP-VAE [1].

    None of them is a bound. knn is low by 5 to 12 % in ten dimensions and cannot report
    more than about log n per pair of latents; slightly negative values are
    independence. Read the means with care: mean codes are functions of a few
    factors, so ten of them lie on a surface of fewer dimensions and on a grid, and
    their true total correlation is infinite, which knn and discriminator report as
    several nats for any model. The samples have a density; so has each pair of means.
    The p-values are of independence; with many pairs some are small by chance
    (expect `num_pairs` x level). Means of hardly more than one value, those of a model
    that has collapsed, have no neighbours: their half is in `not_computed`.

    Takes about 25 seconds at the defaults with 10 latents on two cores, most of it in
    the permutations of 45 pairs.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations. The
            plain `mean` and `sampled` ones give one half of the keys.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images, where no `codes` are given.
        batch_size: Batch size for encoding.
        num_neighbours: k of the neighbour estimates.
        num_permutations: Shuffles behind each p-value, whose smallest value is
            1 / (1 + num_permutations); 0 leaves the p-values out.
        num_permutation_samples: Images used in the tests, the first so many.
        use_discriminator: Whether to train the discriminators.

    Returns:
        Dictionary; for `*` both `mean` and `sample`: gaussian_*, copula_*, knn_* and
        knn_excess_* with _stderr (from ten disjoint blocks), copula_*_pvalue,
        knn_*_pvalue; discriminator_* with _stderr, _normaliser (1 if the
        discriminator is optimal), _trusted and _doubt (what on held-out samples speaks
        against the value, or None);
        pairwise_mutual_information_* and pairwise_pvalue_*, [num_latent, num_latent]
        with None on the diagonal; pairwise_max_*; num_dependent_pairs_* (pairs
        whose p-value is the smallest possible); num_pairs.

    Raises:
        UserError: See `codes.encode`; also fewer than 200 images.
    """
    num_images = num_train if codes is None else len(codes.plain)
    if num_images < _MIN_SAMPLES:
        raise UserError(
            f"tc_nongaussian: {num_images} images are too few for neighbour estimates; "
            f"set num_train to {_MIN_SAMPLES} or more, 5000 as in the paper."
        )
    if codes is None:
        codes = codes_lib.encode(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir,
            num_train,
            batch_size,
        )
    random = random_generator(random_state)
    num_latent = codes.plain.shape[1]
    results = {
        "representation": codes.representation,
        "num_pairs": num_latent * (num_latent - 1) // 2,
        "not_computed": [],
    }
    with codes_lib.estimating("tc_nongaussian"):
        for name, z in (("mean", codes.z_mean), ("sample", codes.draw(random))):
            # A collapsed encoder's means are one point, up to rounding.
            if z is None or _num_distinct(z) <= num_neighbours * _NUM_BLOCKS:
                results["not_computed"] += [f"knn_{name}", f"copula_{name}"]
                continue
            measured = _dependence(
                z,
                random,
                num_neighbours,
                num_permutations,
                num_permutation_samples,
                use_discriminator,
            )
            for key, value in measured.items():
                quantity, _, suffix = key.partition("/")
                results["_".join(filter(None, [quantity, name, suffix]))] = value
    return results_lib.to_json(results)


def _dependence(
    z,
    random,
    num_neighbours,
    num_permutations,
    num_permutation_samples,
    use_discriminator,
):
    """Measures one kind of codes; keys are "quantity" or "quantity/suffix"."""

    def measure(z):
        gaussian, knn = tc.gaussian(z, FLOOR), tc.knn(z, num_neighbours)
        return np.array([gaussian, _copula(z), knn, knn - gaussian])

    quantities = ("gaussian", "copula", "knn", "knn_excess")
    results = dict(zip(quantities, measure(z)))
    errors = results_lib.block_standard_error(measure, z, _NUM_BLOCKS)
    results.update((f"{key}/stderr", e) for key, e in zip(quantities, errors))

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
        results["copula/pvalue"] = _copula_p_value(z, num_permutations, random)
        p_values = tc.pairwise_mutual_information(
            few, num_neighbours, num_permutations, random
        ).p_value
        smallest = 1.0 / (1 + num_permutations)
        pairs = p_values[np.tril_indices(len(p_values), -1)]
        results["pairwise_pvalue"] = results_lib.off_diagonal(p_values)
        results["num_dependent_pairs"] = np.count_nonzero(pairs <= smallest)
    return results


def _num_distinct(z):
    return len(np.unique(z, axis=0))


def _copula(z):
    # Equal ranks are equal scores, so singular copulas are possible, and infinite.
    return min(tc.copula(z), -0.5 * z.shape[1] * np.log(FLOOR))


def _copula_p_value(z, num_permutations, random):
    value = _copula(z)
    null = [_copula(tc.shuffle_latents(z, random)) for _ in range(num_permutations)]
    return (1 + np.count_nonzero(np.array(null) >= value)) / (1 + num_permutations)
