# SPDX-License-Identifier: Apache-2.0
"""Ground-truth data sets: public files, rendered twins, weighted sampling."""
