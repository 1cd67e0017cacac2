"""When each event of a Kineto trace was, and which stretch of time they cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array
from infprof.profiler.kineto.columns import WINDOW, WINDOW_MARKS, Columns
from infprof.profiler.kineto.document import About
from infprof.profiler.kineto.kinds import NOTHING
from infprof.profiler.kineto.numbers import LATEST_NS, nanoseconds
from infprof.profiler.recording import Window


@dataclass(frozen=True, slots=True)
class Times:
    """Start and end of each complete event."""

    start_ns: Int64Array
    end_ns: Int64Array
    sound: npt.NDArray[np.bool_]
    """Which have a start, a duration that is not negative, and a category."""


def base_of(about: About) -> int:
    """What the trace's times count from, in nanoseconds."""
    base = about.baseTimeNanoseconds
    return base if isinstance(base, int) and 0 <= base <= LATEST_NS else 0


def times_of(columns: Columns, base_ns: int) -> Times:
    """All events' times; of those that are not sound they mean nothing."""
    start, has_start = columns.start.nanoseconds()
    duration, has_duration = columns.duration.nanoseconds()
    start = start + base_ns
    sound = has_start & has_duration & (duration >= 0) & (np.abs(start) <= LATEST_NS)
    return Times(start, start + duration, sound & (columns.column("kind") != NOTHING))


def span_of(columns: Columns, times: Times) -> int | None:
    """First start to last end of everything the tracer saw."""
    seen = times.sound & ~columns.column("is_frame")
    if not seen.any():
        return None
    return int(times.end_ns[seen].max() - times.start_ns[seen].min())


def windows_of(columns: Columns, times: Times) -> list[Window]:
    """The stretches under the tracer, as its own events say."""
    frames = np.flatnonzero(times.sound & columns.column("is_frame"))
    frames = frames[np.argsort(times.start_ns[frames], kind="stable")]
    names, name = list(columns.names), columns.column("name")
    return [
        Window(start_ns=int(times.start_ns[row]), end_ns=int(times.end_ns[row]))
        for row in frames.tolist()
        if names[name[row]].startswith(WINDOW)
    ]


def marked_windows(columns: Columns, base_ns: int) -> list[Window]:
    """The stretches under the tracer where only marks tell their starts and ends."""
    (starts, _), (ends, _) = (nanoseconds(columns.marks[mark]) for mark in WINDOW_MARKS)
    pairs = zip(np.sort(starts + base_ns).tolist(), np.sort(ends + base_ns).tolist(), strict=False)
    return [Window(start_ns=start, end_ns=end) for start, end in pairs if start <= end]
