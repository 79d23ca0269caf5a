# SPDX-License-Identifier: Apache-2.0
"""The estimators of total correlation compared, on populations and on a model."""
