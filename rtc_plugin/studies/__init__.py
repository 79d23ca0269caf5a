# SPDX-License-Identifier: Apache-2.0
"""Studies: many runs or cells, resumable, from one command each."""
