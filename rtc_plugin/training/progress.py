# SPDX-License-Identifier: Apache-2.0
"""How far a long loop has come: a bar on a terminal, a plain line elsewhere."""

import sys
import time

from tqdm import tqdm

# Tags of the library's models that would not leave room for the bar.
SHORT_NAMES = {
    "reconstruction_loss": "rec",
    "kl_loss": "kl",
    "total_correlation": "tc",
    "discriminator_accuracy": "d_acc",
}

BAR_SECONDS = 0.5
LINE_SECONDS = 30
LINE_SHARE = 0.1
# Keeps runs of a second or two, tests above all, from printing ten lines each.
LINE_SECONDS_AT_LEAST = 2


class Progress:
    """Reports steps, rate, time left and some values to standard error.

    Args:
        total: Step at which the loop ends, None if that is not known.
        initial: Step at which it begins.
        description: Word that opens the line.
        stream: Text stream to write to, standard error if None. If it is a terminal, a
            bar is drawn; otherwise a line is written every 30 seconds or tenth of the
            way, and at the end.
        needs_values: Whether a step without values is not worth showing.
    """

    def __init__(
        self, total, initial=0, description="", stream=None, needs_values=False
    ):
        self._total = total
        self._initial = self._step = self._written_step = initial
        self._description = description
        self._stream = stream or sys.stderr
        self._needs_values = needs_values
        self._values = {}
        self._begin = self._written = time.monotonic()
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm(
                total=total,
                initial=initial,
                desc=description,
                unit="step",
                file=self._stream,
                dynamic_ncols=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *unused_exception):
        self.close()

    def update(self, step, values=None):
        """Tells that the loop has reached a step.

        Args:
            step: Number of the step, counted as `initial` and `total` are.
            values: Optional dictionary of scalars to show.
        """
        self._step = step
        self._values = values or {}
        if (values or not self._needs_values) and self.is_due(step):
            self._write()

    def close(self):
        """Writes the last state."""
        if self._step > self._written_step:
            self._write()
        if self._bar is not None:
            self._bar.close()

    def is_due(self, step):
        """Tells whether a step, if it were the next to end now, would be shown."""
        elapsed = time.monotonic() - self._written
        if self._bar is not None:
            return elapsed >= BAR_SECONDS
        has_come_far = (
            self._total is not None
            and step - self._written_step >= LINE_SHARE * self._total
        )
        return elapsed >= (LINE_SECONDS_AT_LEAST if has_come_far else LINE_SECONDS)

    def _write(self):
        values = ", ".join(
            f"{SHORT_NAMES.get(name, name)}={float(value):.4g}"
            for name, value in self._values.items()
        )
        if self._bar is not None:
            self._bar.set_postfix_str(values, refresh=False)
            self._bar.update(self._step - self._bar.n)
        else:
            line = tqdm.format_meter(
                self._step,
                self._total,
                time.monotonic() - self._begin,
                ncols=0,
                prefix=self._description,
                unit="step",
                initial=self._initial,
                postfix=values,
            )
            print(line, file=self._stream, flush=True)
        self._written = time.monotonic()
        self._written_step = self._step
