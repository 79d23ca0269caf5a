# SPDX-License-Identifier: Apache-2.0
"""The lazy import hook: patches follow the import of what they patch.

A `.pth` file imports this module at every start of Python, so it imports nothing but
`sys` and compares one string per import. Only the import of `disentanglement_lib`
wakes it: from then on each module named in `PATCHES` is handed, right after it has
been executed, to the functions named beside it.
"""

import sys

LIBRARY = "disentanglement_lib"

# Module name -> functions ("module:function" below rtc_plugin) that are called with the
# module once it has been executed. A module that was imported before the library is
# handed over when the library is.
PATCHES = {
    # The stack below the library.
    "gin": [
        "compat.gin_config:accept_old_keywords",
        "compat.gin_config:find_files_anywhere",
        "compat.gin_config:hide_new_optimizer_arguments",
    ],
    "PIL.Image": ["compat.stack:restore_antialias"],
    "scipy.cluster.hierarchy": ["compat.stack:restore_plot_dendrogram"],
    "tensorflow": [
        "compat.stack:disable_v2_behavior",
        "compat.stack:restore_estimator",
    ],
    # The library itself.
    "disentanglement_lib.config.reproduce": ["compat.register:studies"],
    "disentanglement_lib.data.ground_truth.named_data": [
        "compat.library:know_plugin_data",
        "compat.register:configured_data",
    ],
    "disentanglement_lib.evaluation.abstract_reasoning.pgm_data": [
        "compat.library:know_plugin_shapes3d"
    ],
    "disentanglement_lib.evaluation.abstract_reasoning.reason": [
        "compat.outputs:guard_reason"
    ],
    "disentanglement_lib.evaluation.evaluate": [
        "compat.register:metrics",
        "compat.evaluation_codes:look_codes_up",
        "compat.scikit_learn:seed_estimators",
        "compat.evaluation:refuse_means_with_variances",
        "compat.outputs:guard_evaluate",
        "compat.evaluation:skip_other_representations",
    ],
    "disentanglement_lib.evaluation.metrics.beta_vae": [
        "compat.scikit_learn:keep_definitions"
    ],
    "disentanglement_lib.evaluation.metrics.dci": [
        "compat.scikit_learn:keep_definitions"
    ],
    "disentanglement_lib.evaluation.metrics.modularity_explicitness": [
        "compat.scikit_learn:keep_definitions"
    ],
    "disentanglement_lib.evaluation.metrics.sap_score": [
        "compat.scikit_learn:keep_definitions"
    ],
    "disentanglement_lib.evaluation.metrics.utils": [
        "compat.scikit_learn:keep_definitions",
        "compat.evaluation_codes:announce_draws",
    ],
    "disentanglement_lib.methods.unsupervised.train": [
        "compat.register:models",
        "compat.register:training",
    ],
    "disentanglement_lib.methods.unsupervised.vae": ["compat.factor_vae:order_updates"],
    "disentanglement_lib.postprocessing.methods": [
        "compat.register:postprocessing",
        "compat.library:seed_sampled_representation",
    ],
    "disentanglement_lib.postprocessing.postprocess": [
        "compat.outputs:guard_postprocess"
    ],
    "disentanglement_lib.utils.aggregate_results": [
        "compat.results:read_nan",
        "compat.results:find_reproduced_results",
    ],
    "disentanglement_lib.utils.results": [
        "compat.results:copy_with_shutil",
        "compat.results:encode_every_numpy_scalar",
        "compat.results:read_nan",
        "compat.results:read_wrapped_gin_values",
    ],
    "disentanglement_lib.visualize.visualize_model": ["compat.outputs:guard_visualize"],
    "disentanglement_lib.visualize.visualize_util": ["compat.stack:write_float_frames"],
}

# Module name -> a context manager of the plugin, in which it is executed.
AROUND = {"tensorflow": "compat.commands:hide_news_of_no_gpu"}


class _Finder:
    """Watches imports; hands modules of `PATCHES` to their patches."""

    active = False

    def find_spec(self, name, path=None, target=None):
        """Finds a module through the other finders, to patch it after execution."""
        if not self.active:
            if name != LIBRARY:
                return None
            self.activate()
        if name not in PATCHES:
            return None
        spec = _find_elsewhere(self, name, path, target)
        if spec is not None and spec.loader is not None:
            _patch_after_execution(spec.loader)
        return spec

    def activate(self):
        """Prepares the process for the library."""
        self.active = True
        call("compat.process:prepare")
        for name in PATCHES:
            module = sys.modules.get(name)
            if module is not None:
                apply_patches(module)


def _find_elsewhere(finder, name, path, target):
    for other in sys.meta_path:
        if other is finder or not hasattr(other, "find_spec"):
            continue
        spec = other.find_spec(name, path, target)
        if spec is not None:
            return spec
    return None


def _patch_after_execution(loader):
    # Set on the loader itself and not as a proxy around it: whoever asks the module
    # for its source or its resources must find the loader that knows them.
    execute = loader.exec_module

    def exec_module(module):
        if module.__name__ in AROUND:
            with call(AROUND[module.__name__]):
                execute(module)
        else:
            execute(module)
        apply_patches(module)

    loader.exec_module = exec_module


def apply_patches(module):
    """Calls the patches of a module, in the order of the table."""
    for patch in PATCHES[module.__name__]:
        call(patch, module)


def call(function, *args):
    """Imports and calls a function of the plugin, given as "module:function"."""
    name, attribute = function.split(":")
    name = "rtc_plugin." + name
    __import__(name)
    return getattr(sys.modules[name], attribute)(*args)


_FINDER = _Finder()


def arm():
    """Puts the hook in place; calling it again changes nothing."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
