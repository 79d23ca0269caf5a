# SPDX-License-Identifier: Apache-2.0
"""The library's study, and RTC-VAE in its setting, as a study that can be run."""

import os

from disentanglement_lib.config import study as library_study
from disentanglement_lib.config.unsupervised_study_v1 import sweep
from disentanglement_lib.utils import hyperparams

from rtc_plugin.zoo import numbers

LEFT_OUT_IF_LIGHT = "downstream_task"


def get_config():
    """Returns the bindings of all models, by number."""
    return list(numbers.configs())


class Rebuild(library_study.Study):
    """Models by the numbers of `numbers`, metrics of the study."""

    def __init__(self):
        self._library = sweep.UnsupervisedStudyV1()

    def __len__(self):
        return len(numbers.models())

    def dataset(self, name):
        """Returns the data set to train on for one of the study's."""
        return name

    def get_model_config(self, model_num=0):
        """Returns model bindings and config file."""
        config = dict(numbers.configs()[model_num])
        config["dataset.name"] = self.dataset(config["dataset.name"])
        _, config_file = self._library.get_model_config(0)
        return hyperparams.to_bindings(config), config_file

    def get_postprocess_config_files(self):
        """Returns postprocessing config files."""
        return self._library.get_postprocess_config_files()

    def get_eval_config_files(self):
        """Returns evaluation config files."""
        return self._library.get_eval_config_files()


class LightMetrics:
    """Leaves out the metrics that take longest."""

    def get_eval_config_files(self):
        """Returns evaluation config files."""
        return [
            path
            for path in super().get_eval_config_files()
            if LEFT_OUT_IF_LIGHT not in os.path.basename(path)
        ]


# A study's folder records its class, so that each choice is one.
class LightRebuild(LightMetrics, Rebuild):
    """`Rebuild` with fewer metrics."""
