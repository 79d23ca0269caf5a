# SPDX-License-Identifier: Apache-2.0
"""Measuring representations, beyond what the library measures."""
