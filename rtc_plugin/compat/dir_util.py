# SPDX-License-Identifier: Apache-2.0
"""Stands in for `distutils.dir_util` (gone from Python 3.12 on)."""

import shutil


def copy_tree(src, dst):
    """Copies the contents of the folder `src` into the folder `dst`.

    The original remembers which folders it has made and fails when one of them has
    been deleted since; this one looks.
    """
    shutil.copytree(src, dst, dirs_exist_ok=True)
