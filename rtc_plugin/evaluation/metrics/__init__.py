# SPDX-License-Identifier: Apache-2.0
"""The plugin's metrics; importing this package registers them with gin."""
