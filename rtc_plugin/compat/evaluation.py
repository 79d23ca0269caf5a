# SPDX-License-Identifier: Apache-2.0
"""The library's evaluation protocol."""

import ast
import re
import sys

import gin

from rtc_plugin import configs
from rtc_plugin.errors import UserError
from rtc_plugin.runs import read_gin


@gin.configurable("applies_to")
def applies_to(representations=None):
    """Says which representations a metric is computed on, in the metric's gin file.

    A study computes each of its metrics on each of its representations. With

        applies_to.representations = ('mean', 'sampled')

    the others are passed over with one line, also by `dlib_reproduce`.

    Args:
        representations: Names of postprocessing functions without `_representation`,
            all if None.
    """
    return representations


def skip_other_representations(evaluate):
    """Has `evaluate` pass over what `applies_to.representations` leaves out."""
    guarded = evaluate.evaluate

    def evaluate_if_it_applies(model_dir, output_dir, overwrite=False, **kwargs):
        wanted = _query("applies_to.representations")
        name = _representation(model_dir)
        if wanted is None or not name or name in wanted:
            return guarded(model_dir, output_dir, overwrite, **kwargs)
        print(
            f"@{_query('evaluation.evaluation_fn').selector} is not computed on "
            f"{name}; it applies to: {', '.join(wanted)}.",
            file=sys.stderr,
        )

    evaluate_if_it_applies.__doc__ = guarded.__doc__
    evaluate.evaluate = evaluate_if_it_applies


def check_applies(wanted, folder):
    """Checks that a metric is meant for a representation.

    Args:
        wanted: Names of representations, None for all: `applies_to.representations`.
        folder: Folder of the representation.

    Raises:
        UserError: It is not. `dlib_evaluate` ends in it, as it would else in success
            without a result; a study goes on.
    """
    name = _representation(folder)
    if wanted is not None and name and name not in wanted:
        raise UserError(
            f"--input_dir={folder} is of {name}, which this metric is not computed on; "
            f"give one of: {', '.join(wanted)}."
        )


def read_applies_to(config_file):
    """Reads `applies_to.representations` off a metric's gin file, without gin.

    Args:
        config_file: Path of the file.

    Returns:
        Tuple of names, or None if the file does not say.
    """
    text = configs.read(config_file)
    found = re.search(r"^applies_to\.representations = (.*)$", text, re.MULTILINE)
    return tuple(ast.literal_eval(found[1])) if found else None


def _query(parameter):
    try:
        return gin.query_parameter(parameter)
    except ValueError:
        return None


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
    reference = _query("evaluation.evaluation_fn")
    if reference is None:
        return None
    module = getattr(reference.scoped_configurable_fn, "__module__", "")
    return reference.selector if module.startswith("disentanglement_lib") else None


def _representation(folder):
    return re.sub("^@|_representation$", "", _postprocess_fn(folder))


def _postprocess_fn(folder):
    bindings = read_gin(str(folder), "postprocess")
    return bindings.get("postprocess.postprocess_fn", "")
