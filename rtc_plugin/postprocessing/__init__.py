# SPDX-License-Identifier: Apache-2.0
"""Representations, beyond the library's mean and sample."""
