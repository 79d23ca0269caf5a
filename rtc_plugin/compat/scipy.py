# SPDX-License-Identifier: Apache-2.0
"""SciPy: the library draws dendrograms with a private function."""


def restore_plot_dendrogram(hierarchy):
    """Puts `_plot_dendrogram` back where it was (SciPy >= 1.18 keeps it elsewhere)."""
    if hasattr(hierarchy, "_plot_dendrogram"):
        return
    from scipy.cluster.hierarchy import _hierarchy_impl

    hierarchy._plot_dendrogram = _hierarchy_impl._plot_dendrogram
