# SPDX-License-Identifier: Apache-2.0
"""The command `rtc`, one module per verb; each imports what it needs when it runs."""
