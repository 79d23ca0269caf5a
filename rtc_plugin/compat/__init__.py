# SPDX-License-Identifier: Apache-2.0
"""What makes disentanglement_lib 1.5 run on today's Python and TensorFlow.

This is the only place that knows that other packages have changed since 2020. There is
one module per library patched; each patch says why it is there and for which versions,
and does nothing on the others. `rtc_plugin.hook` holds the table that says which patch
follows which import.
"""
