# SPDX-License-Identifier: Apache-2.0
"""The one exception that speaks to the user."""


class UserError(ValueError):
    """Something the user can mend: a flag, a file, a binding.

    The message is one line that names the thing and the remedy. The commands print
    it without a traceback and exit with status 1. It is a `ValueError`, because that
    is what the library raises in the same places.
    """
