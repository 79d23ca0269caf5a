# SPDX-License-Identifier: Apache-2.0
"""Makes the plugin's own parts known where the library looks for its own."""

from rtc_plugin import extensions
from rtc_plugin.errors import UserError


def configured_data(named_data):
    """Registers data of one's own and the sampling of factors with weights with gin."""
    import rtc_plugin.data.ground_truth.configured  # noqa: F401


def models(train):
    """Registers the plugin's models and networks with gin, and other packages'."""
    import rtc_plugin.methods  # noqa: F401

    for entry in extensions.find(extensions.METHODS).values():
        extensions.load(entry)


def training(train):
    """Feeds training by whole batches, and has it go on where it was interrupted."""
    from rtc_plugin.training import input_pipeline
    from rtc_plugin.training.train import make_resumable

    train._make_input_fn = input_pipeline.make_input_fn
    train.train = make_resumable(train.train)


def metrics(evaluate):
    """Registers the plugin's metrics with gin, and other packages' measures."""
    import rtc_plugin.evaluation.metrics  # noqa: F401
    from rtc_plugin.evaluation.metric import metric

    for name, entry in extensions.find(extensions.MEASURES).items():
        metric(name)(extensions.load(entry))


def postprocessing(methods):
    """Registers the plugin's representations with gin."""
    import rtc_plugin.postprocessing.methods  # noqa: F401


def studies(reproduce):
    """Adds the plugin's studies, and has an unknown `--study` say which there are."""
    from rtc_plugin.config.rtc_study_converged.sweep import RTCStudyConverged
    from rtc_plugin.config.rtc_study_small.sweep import RTCStudySmall
    from rtc_plugin.config.rtc_study_tiny.sweep import RTCStudyTiny
    from rtc_plugin.config.rtc_study_v1.sweep import RTCStudyV1

    class Studies(dict):
        def __missing__(self, name):
            known = ", ".join(sorted(self))
            raise UserError(f"--study={name} is not a known study; known are: {known}.")

    reproduce.STUDIES = Studies(
        reproduce.STUDIES,
        rtc_study_v1=RTCStudyV1(),
        rtc_study_small=RTCStudySmall(),
        rtc_study_tiny=RTCStudyTiny(),
        rtc_study_converged=RTCStudyConverged(),
    )
