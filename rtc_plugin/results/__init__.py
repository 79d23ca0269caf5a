# SPDX-License-Identifier: Apache-2.0
"""Results of many models: one tidy table, and what may be concluded from it."""
