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
"""

import gin
import numpy as np

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.total_correlation.checks import random_generator


@gin.configurable(
    "conditional_independence",
    blacklist=[
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
        "codes",
    ],
)
def compute_conditional_independence(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    codes=None,
    num_train=5000,
    batch_size=100,
    num_draws=5000,
    num_neighbours=3,
    noise_correlation=0.0,
):
    """Computes I(z_i;x), I(z_i;x|z_-i), TC(z|x) and the invariance gap per latent.

    In nats. I(z_i;x) >= 0 is exact up to its standard error (and at most log N for N
    images). I(z_i;z_-i) is the difference of two neighbour estimates of total
    correlation, with and without latent i, and shares their bias: low by up to
    about 12 % of TC(z) in ten dimensions. `mean_abs_invariance_gap` is 0 at
    independence, up to that and its noise; lower is better. It cannot tell
    independence from cancellation (see the module), and knows nothing of factors.

    Takes about 4 seconds at the defaults with 10 latents on two cores.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations; must
            be `mean_and_logvar`.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images.
        batch_size: Batch size for encoding.
        num_draws: Draws of z behind I(z_i;x).
        num_neighbours: k of the neighbour estimates.
        noise_correlation: Correlation of the encoder's noise, which its mean and log
            variance do not tell: 0 for a diagonal encoder, a number for one that
            correlates all latents alike, or a matrix as a list of lists.

    Returns:
        Dictionary of lists per latent: mutual_information I(z_i;x) and its _stderr,
        conditional_mutual_information I(z_i;x|z_-i), dependence_on_rest I(z_i;z_-i),
        dependence_on_rest_given_x, invariance_gap and its _stderr; and of numbers:
        mean_abs_invariance_gap, conditional_total_correlation TC(z|x),
        total_correlation_knn (TC(z) by neighbours), total_mutual_information I(z;x) by
        the sum rule.
        Without means and log variances, `not_computed` lists what is missing.

    Raises:
        UserError: See `codes.encode`; also a noise_correlation that is no correlation
            matrix of the right size.
    """
    if codes is None:
        codes = codes_lib.encode(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir,
            num_train,
            batch_size,
        )
    results = {"representation": codes.representation, "not_computed": []}
    if codes.z_logvar is None:
        results["not_computed"] = ["mutual_information", "invariance_gap"]
    else:
        with codes_lib.estimating("conditional_independence"):
            results.update(
                invariance(
                    codes,
                    random_generator(random_state),
                    noise_correlation,
                    num_draws,
                    num_neighbours,
                )
            )
    return results_lib.to_json(results)


def invariance(codes, random, noise_correlation=0.0, num_draws=5000, num_neighbours=3):
    """Returns the quantities of `compute_conditional_independence`."""
    z_mean, z_logvar = codes.z_mean, codes.z_logvar
    num_latent = z_mean.shape[1]
    correlation = correlation_matrix(noise_correlation, num_latent)
    # The marginals do not know of the noise's correlation.
    information = tc.mixture_decomposition(z_mean, z_logvar, num_draws, random)
    noise = random.standard_normal(z_mean.shape) @ np.linalg.cholesky(correlation).T
    z = z_mean + np.exp(0.5 * z_logvar) * noise

    def total_and_rest(z):
        total = tc.knn(z, num_neighbours)
        without = [_knn_without(z, k, num_neighbours) for k in range(num_latent)]
        return np.array([total, *(total - np.array(without))])

    total, *rest = total_and_rest(z)
    rest_error = results_lib.block_standard_error(total_and_rest, z)[1:]
    given_x = 0.5 * np.log(np.diag(np.linalg.inv(correlation)))
    gap = given_x - np.array(rest)
    total_given_x = abs(0.5 * np.linalg.slogdet(correlation)[1])  # Never -0.0.
    mutual_information = information.mutual_information
    return {
        "mutual_information": mutual_information,
        "mutual_information_stderr": information.mutual_information_standard_error,
        "conditional_mutual_information": mutual_information + gap,
        "dependence_on_rest": rest,
        "dependence_on_rest_given_x": given_x,
        "invariance_gap": gap,
        "invariance_gap_stderr": rest_error,
        "mean_abs_invariance_gap": np.abs(gap).mean(),
        "conditional_total_correlation": total_given_x,
        "total_correlation_knn": total,
        "total_mutual_information": mutual_information.sum() + total_given_x - total,
    }


def _knn_without(z, k, num_neighbours):
    rest = np.delete(z, k, axis=1)
    return tc.knn(rest, num_neighbours) if rest.shape[1] > 1 else 0.0


def correlation_matrix(noise_correlation, num_latent):
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
