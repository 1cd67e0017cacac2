"""The one clock of a recording: ``CLOCK_MONOTONIC``, in integer nanoseconds.

NTP may step the wall clock; this one never goes back, and every process of the machine shares it.
"""

from __future__ import annotations

import time

now_ns = time.perf_counter_ns
"""Nanoseconds on ``CLOCK_MONOTONIC`` (that is what ``perf_counter_ns`` reads on Linux)."""


def epoch_offset_ns(tries: int = 9) -> int:
    """What to add to ``now_ns()`` to get nanoseconds since 1970, as of now.

    The pair of clocks read closest together wins, so that being descheduled between two reads
    does not bend the result.
    """
    return min(_offset_and_doubt() for _ in range(tries))[1]


def _offset_and_doubt() -> tuple[int, int]:
    before = now_ns()
    epoch = time.time_ns()
    after = now_ns()
    return after - before, epoch - (before + after) // 2
