# SPDX-License-Identifier: Apache-2.0
"""Where the models of a study run; each backend does them one per process."""
