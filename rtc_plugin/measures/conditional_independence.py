# SPDX-License-Identifier: Apache-2.0
"""Does what a latent knows about x depend on the other latents?

Yang et al. [1] ask that I(z_i; x | z_-i) = I(z_i; x). From their abstract only; the
identities here are derived from the chain rule and hold for any law:

    I(z_i;x|z_-i) - I(z_i;x) = I(z_i;z_-i|x) - I(z_i;z_-i)       the invariance gap
    TC(z) = sum_i I(z_i;x) - I(z;x) + TC(z|x)

For a Gaussian encoder whose noise has the correlation matrix C, TC(z|x) =
-1/2 log |C| and I(z_i;z_-i|x) = 1/2 log (C^-1)_ii: both 0 for the usual diagonal
encoder, whose gap is therefore -I(z_i;z_-i) <= 0. A gap of 0 is necessary, not
sufficient, for independence: both dependences may be there and cancel.

#### References
[1] Yang, Bi, Sun, Cheng, Yan, 2019. https://arxiv.org/abs/1911.10922
[2] Kraskov, Stoegbauer, Grassberger. Estimating Mutual Information, 2004.
    https://arxiv.org/abs/cond-mat/0305641
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import spatial, special

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.measures import codes as codes_lib
from rtc_plugin.measures import results as results_lib
from rtc_plugin.measures.codes import Codes
from rtc_plugin.measures.tc_disparity import FLOOR
from rtc_plugin.total_correlation import densities, neighbours
from rtc_plugin.total_correlation.checks import Seed, random_generator

MIN_SAMPLES = 200
# What needs the encoder's distribution.
_KEYS = (
    "mutual_information",
    "conditional_mutual_information",
    "dependence_on_rest",
    "invariance_gap",
    "mean_abs_invariance_gap",
    "total_correlation_knn",
    "total_correlation_tree",
    "total_correlation_lower_bound",
    "population_code_mi",
)


def conditional_independence(
    codes: Codes,
    random_state: Seed = 0,
    num_draws: int = 5000,
    num_neighbours: int = 3,
    noise_correlation: ArrayLike = 0.0,
) -> dict[str, Any]:
    """Measures I(z_i;x), I(z_i;x|z_-i), TC(z|x) and the invariance gap per latent.

    In nats. I(z_i;x) is exact up to its standard error, for a mixture of the encoded
    images, so at most log N for N of them. I(z_i;z_-i) is the larger of two lower
    bounds, up to estimation error: a neighbour estimate of its own (no difference of
    total correlations, which may fall nats below 0), and the information of the
    strongest pair, which neighbours do not see in many latents. Below 0 is noise: it
    becomes 0, and `dependence_on_rest_clipped` says so. `mean_abs_invariance_gap` is 0
    at independence, up to that noise; lower is better. It cannot tell independence
    from cancellation (see the module), and knows nothing of factors.

    Do not take `population_code_mi` and `index_code_mi` of `elbo_decomposition` for
    the same. The former is I(z;x) over the law that the images come from, by the sum
    rule; it has no bound but the sum of the I(z_i;x), and is high where TC(z), taken to
    be the larger of `tc.knn` and `tc.tree`, comes out low. The latter is I(z;n) over
    the N images at hand, at most log N.

    Takes about 7 seconds at the defaults with 10 latents on two cores.

    Args:
        codes: `Codes` with means and log variances.
        random_state: Seed, `numpy.random.RandomState` or `Generator`.
        num_draws: Images whose draw of z counts in I(z_i;x), the first so many.
        num_neighbours: k of the neighbour estimates.
        noise_correlation: Correlation of the encoder's noise, which its mean and log
            variance do not tell: 0 for a diagonal encoder, a number for one that
            correlates all latents alike, or a matrix as a list of lists.

    Returns:
        Dictionary of lists per latent: mutual_information I(z_i;x),
        conditional_mutual_information I(z_i;x|z_-i), dependence_on_rest I(z_i;z_-i)
        and dependence_on_rest_clipped, dependence_on_rest_given_x, invariance_gap; and
        of numbers: mean_abs_invariance_gap, conditional_total_correlation TC(z|x),
        total_correlation_knn and total_correlation_tree (TC(z) by `tc.knn` and
        `tc.tree`), total_correlation_lower_bound (the larger of the two),
        population_code_mi; all that is estimated has _stderr. The standard errors
        cover images and noise, and those of neighbour estimates and of the tree the
        error that the same estimate makes of a Gaussian with the same correlations.
        Without means and log variances, the values are None and in `not_computed`.

    Raises:
        UserError: Fewer than 200 images; or a noise_correlation that is no correlation
            matrix of the right size.

    Examples:
        >>> from rtc_plugin.measures.codes import gaussian_codes
        >>> z_mean = np.random.default_rng(0).standard_normal((500, 1)) @ [[1.0, 1.0]]
        >>> codes = gaussian_codes(z_mean, np.full((500, 2), -2.0))
        >>> conditional_independence(codes)["invariance_gap"] < -0.5
        array([ True,  True])
    """
    codes_lib.check_num_samples(
        "conditional_independence", len(codes.plain), MIN_SAMPLES
    )
    results = {"representation": codes.representation, "not_computed": []}
    if codes.z_logvar is None:
        results_lib.withhold(
            results,
            _KEYS,
            f"The representation is {codes.representation}; it takes mean_and_logvar.",
        )
        return results
    return dict(
        results,
        **invariance(
            codes.z_mean,
            codes.z_logvar,
            random_generator(random_state),
            noise_correlation,
            num_draws,
            num_neighbours,
        ),
    )


def invariance(
    z_mean: ArrayLike,
    z_logvar: ArrayLike,
    random: np.random.Generator,
    noise_correlation: ArrayLike = 0.0,
    num_draws: int = 5000,
    num_neighbours: int = 3,
) -> dict[str, Any]:
    """Returns the quantities of `conditional_independence`.

    Args:
        z_mean: [n, num_latent], means of the encodings.
        z_logvar: [n, num_latent], their log variances.
        random: `numpy.random.Generator`.
        noise_correlation: See `correlation_matrix`.
        num_draws: As in `image_information`.
        num_neighbours: k of the neighbour estimates.

    Returns:
        Dictionary of arrays [num_latent] and of numbers, in nats.
    """
    correlation = correlation_matrix(noise_correlation, z_mean.shape[1])
    noise = random.standard_normal(z_mean.shape) @ np.linalg.cholesky(correlation).T
    z = z_mean + np.exp(0.5 * z_logvar) * noise
    # The marginals do not know of the noise's correlation.
    told = image_information(z, z_mean, z_logvar, num_draws)
    information, information_error = _mean_and_error(told)
    joint, joint_error = _mean_and_error(told.sum(axis=1))

    given_x = 0.5 * np.log(np.diag(np.linalg.inv(correlation)))
    total_given_x = abs(0.5 * np.linalg.slogdet(correlation)[1])  # Never -0.0.

    def measure(z):
        tree = tc.tree(z)
        knn = tc.knn(z, num_neighbours)
        rest = np.maximum(
            dependence_on_rest(z, num_neighbours),
            strongest_edge(tree.edges, z.shape[1]),
        )
        gap = np.abs(given_x - np.maximum(rest, 0.0)).mean()
        return np.array([knn, tree.value, max(knn, tree.value), gap, *rest])

    knn, tree, lower_bound, mean_gap, *rest = measure(z)
    errors = np.hypot(
        results_lib.block_standard_error(measure, z),
        _error_on_gaussian(measure, z, given_x, random),
    )
    knn_error, tree_error, lower_bound_error, mean_gap_error, *rest_error = errors
    gap = given_x - np.maximum(rest, 0.0)
    return {
        "mutual_information": information,
        "mutual_information_stderr": information_error,
        "conditional_mutual_information": information + gap,
        "conditional_mutual_information_stderr": np.hypot(
            information_error, rest_error
        ),
        "dependence_on_rest": np.maximum(rest, 0.0),
        "dependence_on_rest_stderr": rest_error,
        "dependence_on_rest_clipped": np.array(rest) < 0.0,
        "dependence_on_rest_given_x": given_x,
        "invariance_gap": gap,
        "invariance_gap_stderr": rest_error,
        "mean_abs_invariance_gap": mean_gap,
        "mean_abs_invariance_gap_stderr": mean_gap_error,
        "conditional_total_correlation": total_given_x,
        "total_correlation_knn": knn,
        "total_correlation_knn_stderr": knn_error,
        "total_correlation_tree": tree,
        "total_correlation_tree_stderr": tree_error,
        "total_correlation_lower_bound": lower_bound,
        "total_correlation_lower_bound_stderr": lower_bound_error,
        "population_code_mi": joint + total_given_x - lower_bound,
        "population_code_mi_stderr": np.hypot(joint_error, lower_bound_error),
    }


def image_information(
    z: ArrayLike, z_mean: ArrayLike, z_logvar: ArrayLike, num_draws: int = 5000
) -> NDArray:
    """Returns what draws of the latents tell about the image that they come from.

    The mean over the rows is I(z_i;x) for x among the n images. As every row belongs
    to another image, and as the mixture's own error is of second order, the spread of
    the rows covers both the images and the noise.

    Args:
        z: [n, num_latent], one draw from the encoding of each image.
        z_mean: [n, num_latent], means of the encodings.
        z_logvar: [n, num_latent], their log variances.
        num_draws: How many of the draws to use, the first so many.

    Returns:
        [min(n, num_draws), num_latent], log q(z_i|x) - log q(z_i) in nats.
    """
    z = z[: max(num_draws, 2)]
    _, log_marginals = tc.mixture_log_densities(z, z_mean, z_logvar)
    own = densities.gaussian_log_density(z, z_mean[: len(z)], z_logvar[: len(z)])
    return own - log_marginals


def dependence_on_rest(
    z: ArrayLike, num_neighbours: int = 3, random_state: Seed = 0
) -> NDArray:
    """Returns I(z_i; z_-i) of every latent by nearest neighbours, in nats.

    The first estimator of [2] (eq. 8) for one latent and the block of the others, with
    the same radius in both, so that it is near 0 where the latent is independent,
    whatever the others do. At n = 5000 it is about 5 % low for ten latents that all
    have correlation 0.8, sees nothing of what two of ten share alone (`tc.tree` does),
    and cannot exceed about log n. Latents are prepared as in `tc.knn`; discrete ones
    whose joint law the sample covers are counted.

    Args:
        z: [n, num_latent] samples; time grows with n^2 num_latent, 1 s at 5000 and 10.
        num_neighbours: k.
        random_state: Seed, RandomState or Generator that breaks ties.

    Returns:
        [num_latent]; slightly negative values are possible near independence. 0 for a
        constant latent.

    Raises:
        InputError: As `tc.knn`.
    """
    result = np.zeros(z.shape[1])
    latents = neighbours.prepare(
        z, num_neighbours, "normal_scores", random_generator(random_state)
    )
    if len(latents.names) < 2:
        return result
    if latents.is_counted:
        joint = tc.discrete_entropy(latents.labels)
        for k, name in enumerate(latents.names):
            rest = np.delete(latents.labels, k, axis=1)
            result[name] = tc.discrete_entropy(latents.labels[:, [k]]) - joint
            result[name] += tc.discrete_entropy(rest)
        return result
    z = latents.z
    distances, _ = spatial.cKDTree(z).query(z, k=[num_neighbours + 1], p=np.inf)
    # Points on the rim do not count, even if rounding puts them inside.
    alone, others = _count_within(z, distances[:, 0] * (1.0 - 1e-12))
    within = np.mean(special.digamma(alone) + special.digamma(others), axis=0)
    result[latents.names] = (
        special.digamma(num_neighbours) + special.digamma(len(z)) - within
    )
    return result


def strongest_edge(edges: ArrayLike, num_latent: int) -> NDArray:
    """Returns each latent's largest edge in nats, [num_latent]; -inf without one."""
    result = np.full(num_latent, -np.inf)
    for i, j, information in edges:
        result[[i, j]] = np.maximum(result[[i, j]], information)
    return result


def _count_within(z, radius, rows=8):
    """Counts the points nearer than a radius in one latent, and in all others.

    Both [n, num_latent], the point itself included. A point is near in all latents but
    the i-th if none is far, or if the i-th alone is: one pass over all pairs of
    points serves all latents, and blocks of a few rows stay in the cache.
    """
    latents = np.ascontiguousarray(z.T)
    alone = np.stack([_count_between(x, x - radius, x + radius) for x in latents], 1)
    others = np.empty_like(alone)
    for start in range(0, len(z), rows):
        block = slice(start, start + rows)
        reach = radius[block, None]
        num_far = np.zeros((len(reach), len(z)), dtype=np.uint16)
        for latent in latents:
            num_far += np.abs(latent[block, None] - latent) >= reach
        row, column = np.nonzero(num_far == 1)
        which = np.argmax(np.abs(z[block][row] - z[column]) >= reach[row], axis=1)
        others[block] = np.count_nonzero(num_far == 0, axis=1)[:, None]
        np.add.at(others[block], (row, which), 1)
    return alone, others


def _count_between(values, low, high):
    """Counts the values in the open intervals (low, high)."""
    values = np.sort(values)
    return np.searchsorted(values, high) - np.searchsorted(values, low, side="right")


def _error_on_gaussian(measure, z, given_x, random):
    """Returns what `measure` is off on a Gaussian with z's correlations."""
    varies = np.ptp(z, axis=0) > 0
    corr = np.eye(z.shape[1])
    if np.count_nonzero(varies) > 1:
        corr[np.ix_(varies, varies)] = np.corrcoef(z[:, varies], rowvar=False)
    eigenvalues, vectors = np.linalg.eigh(corr)
    eigenvalues = np.maximum(eigenvalues, FLOOR)
    gaussian = random.standard_normal(z.shape) * np.sqrt(eigenvalues) @ vectors.T
    rest = 0.5 * np.log(np.maximum((vectors**2 / eigenvalues).sum(axis=1), 1.0))
    total = -0.5 * np.log(eigenvalues).sum()
    truth = np.array([total, total, total, np.abs(given_x - rest).mean(), *rest])
    return measure(gaussian) - truth


def _mean_and_error(values):
    error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return values.mean(axis=0), error


def correlation_matrix(noise_correlation: ArrayLike, num_latent: int) -> NDArray:
    """Returns the correlation matrix of the noise, [num_latent, num_latent].

    Args:
        noise_correlation: Number that all latents share, or a matrix.
        num_latent: Number of latents.

    Raises:
        UserError: Wrong size, no unit diagonal, not symmetric, not positive definite.
    """
    matrix = np.asarray(noise_correlation, dtype=np.float64)
    if matrix.ndim == 0:
        matrix = np.full((num_latent, num_latent), float(matrix))
        np.fill_diagonal(matrix, 1.0)
    if (
        matrix.shape != (num_latent, num_latent)
        or not np.allclose(np.diag(matrix), 1.0)
        or not np.allclose(matrix, matrix.T)
        or np.linalg.eigvalsh(matrix)[0] <= 0.0
    ):
        raise UserError(
            "conditional_independence.noise_correlation must be a number or a positive "
            f"definite correlation matrix of {num_latent} latents."
        )
    return matrix
