# SPDX-License-Identifier: Apache-2.0
"""Representations, beyond the library's mean and sample."""

# Wakes the import hook, whichever module here is the first to be imported: without it,
# gin 0.5 does not know the library's `blacklist`.
import disentanglement_lib  # noqa: F401
