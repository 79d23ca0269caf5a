# SPDX-License-Identifier: Apache-2.0
"""The plugin's studies, each laid out like those of `disentanglement_lib.config`."""
