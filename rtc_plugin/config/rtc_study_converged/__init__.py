# SPDX-License-Identifier: Apache-2.0
"""The study rtc_study_converged, see `sweep`."""
