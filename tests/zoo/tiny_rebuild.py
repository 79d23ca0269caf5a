# SPDX-License-Identifier: Apache-2.0
"""The rebuilt study with one metric; worker processes import it by this name."""

from rtc_plugin.zoo import rebuild


class TinyRebuild(rebuild.LightRebuildOnTwins):
    def get_eval_config_files(self):
        files = super().get_eval_config_files()
        return [path for path in files if path.endswith("unsupervised.gin")]
