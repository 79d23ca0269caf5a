# SPDX-License-Identifier: Apache-2.0
"""What must be in place before the first module of the library is imported."""

import os
import platform
import sys

from rtc_plugin.compat import commands, missing_modules
from rtc_plugin.errors import UserError


def prepare():
    """Prepares this process for the library; called once, by the hook."""
    use_onednn()
    use_legacy_keras()
    missing_modules.provide()
    commands.quieten_tensorflow()
    commands.explain_errors()
    if commands.is_command():
        from rtc_plugin.compat import early_checks

        try:
            early_checks.check(sys.argv)
        except (UserError, SyntaxError) as error:
            message = commands.explain(error, error.__traceback__)
            if message is None:
                raise
            print(f"{commands.command()}: {message}", file=sys.stderr)
            # As `rtc` does, and all that read flags.
            raise SystemExit(2) from error


def use_onednn():
    """Has TensorFlow take its fast convolutions on every x86 processor.

    By itself it does so only on those with AVX512_VNNI or AMX; on others an update took
    1.5 times as long (`docs/performance.md`). TensorFlow looks at the variable when it
    is first used; a user's own value is kept.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def use_legacy_keras():
    """Has TensorFlow >= 2.16 take `tf.layers` from tf_keras.

    Keras 3 has no `tf.layers`. TensorFlow looks at the variable when Keras is first
    used. TensorFlow 2.15 must not see it: its own Keras is the legacy one, and with the
    variable set it insists on the separate package.
    """
    from importlib import metadata, util

    if util.find_spec("tf_keras") is None:
        return
    for distribution in ("tensorflow", "tensorflow-cpu", "tf-keras"):
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        if tuple(int(part) for part in version.split(".")[:2]) >= (2, 16):
            os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
        return
