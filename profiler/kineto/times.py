"""Which events of a Kineto trace have a start and an end, and which stretch of time they cover."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array
from infprof.profiler.kineto.document import About, Event
from infprof.profiler.kineto.lanes import id_of
from infprof.profiler.kineto.numbers import LATEST_NS, nanoseconds
from infprof.profiler.recording import Window

WINDOW = "PyTorch Profiler"
"""How the tracer names the stretches that it watched."""


class Times(NamedTuple):
    """Events with sound times; the columns go with ``events``."""

    events: list[Event]
    start_ns: Int64Array
    end_ns: Int64Array
    is_frame: npt.NDArray[np.bool_]
    """The tracer's own mark of what it watched, not something it saw."""
    dropped: int


def base_of(about: About) -> int:
    """What the trace's times count from, in nanoseconds."""
    base = about.baseTimeNanoseconds
    return base if isinstance(base, int) and 0 <= base <= LATEST_NS else 0


def times_of(events: list[Event], base_ns: int) -> Times:
    """Every event that has a start and a duration; a negative duration is none."""
    complete, dropped = _complete(events)
    start, has_start = nanoseconds([event.ts for event in complete])
    duration, has_duration = nanoseconds([event.dur for event in complete])
    start = start + base_ns
    sound = has_start & has_duration & (duration >= 0) & (np.abs(start) <= LATEST_NS)
    sound &= np.array([bool(event.cat) for event in complete], np.bool_)
    kept = [complete[row] for row in np.flatnonzero(sound).tolist()]
    return Times(
        events=kept, start_ns=start[sound], end_ns=(start + duration)[sound],
        is_frame=np.array([_is_frame(event) for event in kept], np.bool_),
        dropped=dropped + len(complete) - len(kept),
    )  # fmt: skip


def _is_frame(event: Event) -> bool:
    return event.cat == "Trace" or event.pid in ("Spans", "Traces")


def _complete(events: list[Event]) -> tuple[list[Event], int]:
    """Events with a duration, and how many say no phase or are half of a pair."""
    complete = [event for event in events if event.ph == "X"]
    halves = [event for event in events if event.ph in ("B", "E")]
    phaseless = sum(not event.ph for event in events)
    pairs = _pairs(halves)
    return complete + pairs, phaseless + len(halves) - 2 * len(pairs)


def _pairs(halves: list[Event]) -> list[Event]:
    """Begin events that found their end, with the duration put in."""
    pairs: list[Event] = []
    unclosed: dict[tuple[Any, Any], list[tuple[Event, int]]] = {}
    times, known = nanoseconds([event.ts for event in halves])
    for event, time, has_time in zip(halves, times.tolist(), known.tolist(), strict=True):
        stack = unclosed.setdefault((id_of(event.pid), id_of(event.tid)), [])
        if event.ph == "B":
            stack.append((event, time))
        elif stack:
            begun, since = stack.pop()
            begun.dur = Decimal(time - since) / 1000 if has_time else None
            pairs.append(begun)
    return pairs


def span_of(times: Times) -> int | None:
    """First start to last end of everything the tracer saw."""
    seen = ~times.is_frame
    if not seen.any():
        return None
    return int(times.end_ns[seen].max() - times.start_ns[seen].min())


def windows_of(times: Times) -> list[Window]:
    """The stretches under the tracer, as its own events say."""
    frames = np.flatnonzero(times.is_frame)
    frames = frames[np.argsort(times.start_ns[frames], kind="stable")]
    return [
        Window(start_ns=int(times.start_ns[row]), end_ns=int(times.end_ns[row]))
        for row in frames.tolist()
        if times.events[row].name.startswith(WINDOW)
    ]


def marked_windows(events: list[Event], base_ns: int) -> list[Window]:
    """The stretches under the tracer where only marks tell their starts and ends."""
    marks = ("Iteration Start: " + WINDOW, "Record Window End")
    times = [[event.ts for event in events if event.name == mark] for mark in marks]
    (starts, _), (ends, _) = map(nanoseconds, times)
    pairs = zip(np.sort(starts + base_ns).tolist(), np.sort(ends + base_ns).tolist(), strict=False)
    return [Window(start_ns=start, end_ns=end) for start, end in pairs if start <= end]
