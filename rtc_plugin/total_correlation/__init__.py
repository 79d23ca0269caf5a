# SPDX-License-Identifier: Apache-2.0
"""Total correlation, TC(z) = KL(q(z) || prod_k q(z_k)), estimated and exact.

Pure functions on arrays of shape [num_samples, num_latent]; all results are in nats.
What an estimator cannot take it refuses with an `InputError`, a ValueError of one line.
Nothing here needs TensorFlow; `tf_minibatch` has the minibatch forms for training.

    what you have                    function
    a covariance                     gaussian_from_covariance
    samples, Gaussian assumption     gaussian, copula (any marginals)
    samples, no assumption           knn, knn_permutation_test, discriminator,
                                     tree (a lower bound, for sparse dependence)
    discrete samples                 discrete, discrete_entropy (three methods); knn and
                                     tree choose it, and take mixed ones
    a correlation matrix             gaussian_dependence (TC, dual TC, O-information, of
                                     thousands of subsets), between_blocks
    all pairs                        pairwise_gaussian, pairwise_mutual_information
    an encoder over a data set       mixture (exact up to a known error)
    an encoder on one batch          minibatch (biased; read its module first)
    an encoder, latent by latent     signal_share, classify_latents, gaussian_kl,
                                     mixture_decomposition (I(z_k; n))
"""

from rtc_plugin.total_correlation.aggregated import (
    Estimate,
    MixtureDecomposition,
    mixture,
    mixture_decomposition,
    mixture_log_densities,
    sample_mixture,
)
from rtc_plugin.total_correlation.batch import (
    ESTIMATORS,
    Decomposition,
    minibatch,
    minibatch_decomposition,
    minibatch_weights,
)
from rtc_plugin.total_correlation.checks import InputError
from rtc_plugin.total_correlation.covariance import (
    copula,
    gaussian,
    gaussian_bias,
    gaussian_from_covariance,
    gaussian_spread,
)
from rtc_plugin.total_correlation.density_ratio import (
    Discriminator,
    HeldOutEstimate,
    discriminator,
    shuffle_latents,
)
from rtc_plugin.total_correlation.discrete import (
    coverage,
    discrete,
    discrete_entropy,
)
from rtc_plugin.total_correlation.higher_order import (
    Dependence,
    between_blocks,
    correlation,
    gaussian_dependence,
    pairwise_gaussian,
)
from rtc_plugin.total_correlation.latents import (
    ACTIVE,
    MIXED,
    PASSIVE,
    classify_latents,
    gaussian_kl,
    gaussian_sampled,
    signal_share,
)
from rtc_plugin.total_correlation.neighbours import (
    PairwiseInformation,
    PermutationTest,
    knn,
    knn_permutation_test,
    pairwise_mutual_information,
)
from rtc_plugin.total_correlation.tree import TreeBound, tree

__all__ = [
    "ACTIVE",
    "ESTIMATORS",
    "MIXED",
    "PASSIVE",
    "Decomposition",
    "Dependence",
    "Discriminator",
    "Estimate",
    "HeldOutEstimate",
    "InputError",
    "MixtureDecomposition",
    "PairwiseInformation",
    "PermutationTest",
    "TreeBound",
    "between_blocks",
    "classify_latents",
    "copula",
    "correlation",
    "coverage",
    "discrete",
    "discrete_entropy",
    "discriminator",
    "gaussian",
    "gaussian_bias",
    "gaussian_dependence",
    "gaussian_from_covariance",
    "gaussian_kl",
    "gaussian_sampled",
    "gaussian_spread",
    "knn",
    "knn_permutation_test",
    "minibatch",
    "minibatch_decomposition",
    "minibatch_weights",
    "mixture",
    "mixture_decomposition",
    "mixture_log_densities",
    "pairwise_gaussian",
    "pairwise_mutual_information",
    "sample_mixture",
    "shuffle_latents",
    "signal_share",
    "tree",
]
