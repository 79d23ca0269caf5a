# SPDX-License-Identifier: Apache-2.0
"""The decorator that makes a measure a metric of the library."""

import inspect

import gin

from rtc_plugin.evaluation.codes import encode
from rtc_plugin.measures.codes import check_num_samples
from rtc_plugin.measures.results import estimating, to_json

# What `dlib_evaluate` and `rtc_metrics` hand over; no gin file can set it.
_HANDED_OVER = (
    "ground_truth_data",
    "representation_function",
    "random_state",
    "artifact_dir",
    "codes",
)


def metric(name, min_samples=0):
    """Makes a measure a gin metric with the library's signature.

    The metric takes `ground_truth_data`, `representation_function`, `random_state` and
    `artifact_dir` as every metric of the library does; `codes`, to be used instead of
    encoding images; `num_train`, the number of images, and `batch_size`, images at a
    time. Then come the measure's own parameters. It encodes images where it gets no
    codes, runs the measure on one BLAS thread, turns what an estimator refuses into a
    line for the user (see `results.estimating`), and returns what JSON can hold.

    Args:
        name: The metric's name in gin files. As configurations have it that were saved,
            the metric is `compute_<name>` of `rtc_plugin.evaluation.metrics.<name>`.
        min_samples: Fewest images that the measure takes; asked for before encoding.

    Returns:
        Decorator of a function of `codes` (`measures.codes.Codes`) to a dictionary. Of
        the metric's parameters above, the function gets those that it names, too. Its
        others are its own, which gin files set.
    """

    def decorate(measure):
        def compute(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir=None,
            codes=None,
            num_train=5000,
            batch_size=100,
            **own,
        ):
            if codes is None:
                check_num_samples(name, num_train, min_samples)
                codes = encode(
                    ground_truth_data,
                    representation_function,
                    random_state,
                    artifact_dir,
                    num_train,
                    batch_size,
                )
            shared = dict(
                ground_truth_data=ground_truth_data,
                representation_function=representation_function,
                random_state=random_state,
                artifact_dir=artifact_dir,
                codes=codes,
                num_train=num_train,
                batch_size=batch_size,
            )
            named = {key: shared[key] for key in parameters if key in shared}
            with estimating(name):
                return to_json(measure(**named, **own))

        parameters = inspect.signature(measure).parameters
        *shared_parameters, _ = inspect.signature(compute).parameters.values()
        names = [parameter.name for parameter in shared_parameters]
        # gin and the readers of a metric see real parameters in place of `own`.
        compute.__signature__ = inspect.Signature(
            shared_parameters + [p for key, p in parameters.items() if key not in names]
        )
        compute.__name__ = compute.__qualname__ = f"compute_{name}"
        compute.__module__ = f"rtc_plugin.evaluation.metrics.{name}"
        compute.__doc__ = measure.__doc__
        return gin.configurable(name, blacklist=list(_HANDED_OVER))(compute)

    return decorate
