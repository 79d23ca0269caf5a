# SPDX-License-Identifier: Apache-2.0
"""What makes disentanglement_lib 1.5 run on today's Python and TensorFlow.

This is the only place that knows that other packages have changed since 2020. Each
patch says why it is there and for which versions, and does nothing on the others. The
small ones are in `stack`, of the packages below the library, and in `library`; the
others have a module each. `rtc_plugin.hook` holds the table that says which patch
follows which import.
"""
