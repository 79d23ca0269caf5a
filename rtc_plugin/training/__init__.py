# SPDX-License-Identifier: Apache-2.0
"""How a model is trained: input, graph, steps, checkpoints and what goes on from them.

`graph` builds what the plugin's models share, `estimator` runs it, `train` makes the
library's command resumable. Nothing here knows a model.
"""
