# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM that wait for the end of a training step."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Context in which the first SIGINT or SIGTERM only sets `requested`.

    A second signal acts as it would have without this context, so that a run that
    hangs can still be ended. Outside of the main thread Python cannot handle signals,
    and the context does nothing.

    Attributes:
        requested: Whether the user has asked to stop.
    """

    def __init__(self):
        self.requested = False
        self._previous = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *unused_exception):
        self._restore()

    def _request(self, unused_number, unused_frame):
        self.requested = True
        self._restore()

    def _restore(self):
        while self._previous:
            signal.signal(*self._previous.popitem())
