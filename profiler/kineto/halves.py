"""Begin and end events of a Chrome trace, put together to complete ones."""

from __future__ import annotations

from decimal import Decimal

from infprof.profiler.kineto.document import Event
from infprof.profiler.kineto.lanes import Id, id_of
from infprof.profiler.kineto.numbers import nanoseconds


def paired(halves: list[Event]) -> list[Event]:
    """Begin events that found their end, with the duration put in."""
    pairs: list[Event] = []
    unclosed: dict[tuple[Id, Id], list[tuple[Event, int]]] = {}
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
