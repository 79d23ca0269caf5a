# SPDX-License-Identifier: Apache-2.0
"""The library's evaluation protocol."""

import os

import gin

from rtc_plugin.compat import results
from rtc_plugin.errors import UserError


def refuse_means_with_variances(evaluate):
    """Has the library's metrics refuse a representation that only ours can read.

    `mean_and_logvar_representation` has one axis more than a metric of the library
    expects, which would end in a bare AssertionError after the images are encoded.
    """
    stock = evaluate.evaluate

    def checked(model_dir, output_dir, overwrite=False, **kwargs):
        metric = _library_metric()
        if metric and "mean_and_logvar" in _postprocess_fn(model_dir):
            raise UserError(
                f"evaluation.evaluation_fn = @{metric}: takes one number per latent, "
                f"but --input_dir={model_dir} holds means with log variances; give a "
                "representation made with gin/postprocess/mean.gin or sampled.gin."
            )
        return stock(model_dir, output_dir, overwrite, **kwargs)

    evaluate.evaluate = checked


def _library_metric():
    """Returns the name of the configured metric if it is one of the library's."""
    try:
        reference = gin.query_parameter("evaluation.evaluation_fn")
    except ValueError:
        return None
    module = getattr(reference.scoped_configurable_fn, "__module__", "")
    return reference.selector if module.startswith("disentanglement_lib") else None


def _postprocess_fn(folder):
    path = os.path.join(str(folder), "results", "gin", "postprocess.gin")
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return results.parse_bindings(f.read()).get("postprocess.postprocess_fn", "")
