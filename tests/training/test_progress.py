# SPDX-License-Identifier: Apache-2.0
"""Progress is a bar on a terminal and now and then a line elsewhere."""

import io

import pytest

from rtc_plugin.training import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def run(clock, stream, total, seconds_per_step, steps=None):
    with progress.Progress(total, description="training", stream=stream) as bar:
        for step in range(1, (steps or total) + 1):
            clock.now += seconds_per_step
            bar.update(step, {"loss": 1 / step, "total_correlation": 0.25})
    return stream.getvalue().splitlines()


def test_a_short_run_writes_one_line_at_its_end(clock):
    lines = run(clock, io.StringIO(), total=20, seconds_per_step=0.01)
    assert len(lines) == 1
    for part in ("training", "20/20", "step/s", "loss=0.05", "tc=0.25"):
        assert part in lines[0]


def test_every_tenth_of_the_way_gets_a_line(clock):
    lines = run(clock, io.StringIO(), total=100, seconds_per_step=1)
    assert len(lines) == 10
    assert "50/100 [00:50<00:50" in lines[4]


def test_a_slow_run_writes_a_line_every_half_minute(clock):
    lines = run(clock, io.StringIO(), total=10000, seconds_per_step=10, steps=9)
    assert len(lines) == 3


def test_a_total_may_be_unknown(clock):
    lines = run(clock, io.StringIO(), total=None, seconds_per_step=1, steps=40)
    assert len(lines) == 2
    assert "40step" in lines[-1]


def test_a_terminal_gets_a_bar_with_the_last_values(clock):
    lines = run(clock, Terminal(), total=20, seconds_per_step=1)
    assert "100%|" in lines[-1]
    assert "loss=0.05, tc=0.25" in lines[-1]


def test_a_continued_run_begins_where_it_was(clock):
    stream = io.StringIO()
    with progress.Progress(10, initial=8, stream=stream) as bar:
        clock.now += 4
        bar.update(9)
    assert "90%" in stream.getvalue()
    assert "[00:04<00:04" in stream.getvalue()


def test_values_are_waited_for_where_they_are_asked_for_when_due(clock):
    """As training does, which takes them off the graph for what is written only."""
    stream, taken = io.StringIO(), []
    with progress.Progress(52, stream=stream, needs_values=True) as bar:
        for step in range(1, 53):
            is_due = bar.is_due(step)
            clock.now += 3
            if is_due:
                taken.append(step)
            bar.update(step, {"loss": step} if is_due else {})
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(taken) + 1  # The last step is written as it is.
    assert all(f"loss={step}" in line for step, line in zip(taken, lines))
    assert 5 <= len(taken) <= 10
