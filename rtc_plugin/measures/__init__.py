# SPDX-License-Identifier: Apache-2.0
"""Every measure as a function of arrays: codes and factors in, a result out.

NumPy, SciPy, scikit-learn and Numba only; gin and TensorFlow are one floor up, in
`rtc_plugin.evaluation`. Codes are [n, num_latent], ground-truth factors
[n, num_factors] discrete values, rows independent; information is in nats. What needs
an encoder's means and log variances takes them as `Codes`, see `gaussian_codes`.

    what you have              function
    means and log variances    tc_disparity, tc_nongaussian, elbo_decomposition,
                               conditional_independence
    codes and factors          factor_disintegration, infomec, mig_variants; latent by
                               latent, r2_matrix and mutual_information_matrix

A value that cannot be had is None, and `reasons` has a sentence under its key.
"""

from rtc_plugin.measures.codes import Codes, codes_from_array, gaussian_codes
from rtc_plugin.measures.conditional_independence import conditional_independence
from rtc_plugin.measures.elbo_decomposition import elbo_decomposition
from rtc_plugin.measures.factor_disintegration import factor_disintegration
from rtc_plugin.measures.infomec import InfoMEC, infomec
from rtc_plugin.measures.mig_variants import mig_variants
from rtc_plugin.measures.results import to_json
from rtc_plugin.measures.scores import mutual_information_matrix, r2_matrix
from rtc_plugin.measures.tc_disparity import tc_disparity
from rtc_plugin.measures.tc_nongaussian import tc_nongaussian

__all__ = [
    "Codes",
    "InfoMEC",
    "codes_from_array",
    "conditional_independence",
    "elbo_decomposition",
    "factor_disintegration",
    "gaussian_codes",
    "infomec",
    "mig_variants",
    "mutual_information_matrix",
    "r2_matrix",
    "tc_disparity",
    "tc_nongaussian",
    "to_json",
]
