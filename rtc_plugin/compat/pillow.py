# SPDX-License-Identifier: Apache-2.0
"""Pillow: 10.0 dropped the old name of a filter."""


def restore_antialias(image_module):
    """Puts back `PIL.Image.ANTIALIAS`, which always meant LANCZOS (Pillow >= 10)."""
    if not hasattr(image_module, "ANTIALIAS"):
        image_module.ANTIALIAS = image_module.Resampling.LANCZOS
