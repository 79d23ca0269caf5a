# SPDX-License-Identifier: Apache-2.0
"""A study of the library whose gin files lie beside its sweep."""

import glob
import os

import disentanglement_lib.utils.hyperparams as h
from disentanglement_lib.config import study

from rtc_plugin.errors import UserError


class FolderStudy(study.Study):
    """Study of the folder that its module lies in.

    Args:
        sweep_file: `__file__` of the module; the gin files are in `model_configs`,
            `postprocess_configs` and `metric_configs` beside it.
        config: List with one dictionary of bindings per model.
    """

    def __init__(self, sweep_file, config):
        self._folder = os.path.dirname(os.path.abspath(sweep_file))
        self._config = config

    def __len__(self):
        return len(self._config)

    def get_model_config(self, model_num=0):
        """Returns model bindings and config file."""
        if not 0 <= model_num < len(self):
            name = os.path.basename(self._folder)
            raise UserError(
                f"--model_num={model_num}: {name} has the models 0 to {len(self) - 1}."
            )
        (config_file,) = self._files("model_configs")
        return h.to_bindings(self._config[model_num]), config_file

    def get_postprocess_config_files(self):
        """Returns postprocessing config files."""
        return self._files("postprocess_configs")

    def get_eval_config_files(self):
        """Returns evaluation config files."""
        return self._files("metric_configs")

    def _files(self, kind):
        return sorted(glob.glob(os.path.join(self._folder, kind, "*.gin")))
