# SPDX-License-Identifier: Apache-2.0
"""Every measure as a function of arrays: codes and factors in, a result out.

NumPy, SciPy, scikit-learn and Numba only; gin and TensorFlow are one floor up, in
`rtc_plugin.evaluation`. Codes are [n, num_latent], ground-truth factors
[n, num_factors] discrete values, rows independent; information is in nats.
"""
