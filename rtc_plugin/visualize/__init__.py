# SPDX-License-Identifier: Apache-2.0
"""One function per figure: data in, matplotlib figure out."""
