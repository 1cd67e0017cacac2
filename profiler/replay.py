"""Runs a request again on paper, with one thing changed (CATALOGUE section 4).

The host's thread and the streams keep their order. Work starts when its launch, the work before it
and what it was told to wait for allow; a wait ends when the work it is for has ended. What bound a
start in the recording keeps the lag that was seen there, so that an unchanged replay gives the
recorded wall; the others keep the least that the machine needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from infprof.profiler import names
from infprof.profiler.device_links import NEVER, Binding, DeviceLinks
from infprof.profiler.events import Kind
from infprof.profiler.intervals import EMPTY, Int64Array, Intervals
from infprof.profiler.timeline import Request

FAITHFUL = 0.02
"""A replay without a change that misses the recorded wall by more predicts nothing."""

WAIT, LAUNCH, WORK = 0, 1, 2
"""In this order where they are at the same time: a wait ends, then the next call begins."""


@dataclass(frozen=True)
class Change:
    """What is different. Times in ns."""

    device_ns: Int64Array | None = None
    """New durations of all device work (``DeviceLinks.rows``); ``None``: as they were."""
    host_removed: Intervals = field(default=EMPTY)
    """Time of the request's thread that falls away, a set."""
    waits_removed: frozenset[int] = frozenset()
    """Rows of calls that wait for the device no more."""


class Replay:
    """One request of a recording, to be replayed with changes."""

    def __init__(self, links: DeviceLinks, request: Request) -> None:
        """``request`` must have a thread of its own."""
        self._links, self._request = links, request
        self._events = links.timeline.events
        self._nodes = self._ordered()

    def wall_ns(self, change: Change | None = None) -> int:
        """How long the request would take."""
        return _Run(self._links, self._request, change or Change()).through(self._nodes)

    @property
    def is_faithful(self) -> bool:
        """Whether an unchanged replay gives the recorded wall, without which none is worth
        believing."""
        wall = self._request.wall_ns
        return abs(self.wall_ns() - wall) <= FAITHFUL * wall

    def _ordered(self) -> list[tuple[int, int, int]]:
        """Launches, device work and waits of the request as (time, what, row or position), in an
        order in which each comes after what it depends on."""
        links, request, events = self._links, self._request, self._events
        launched = (links.launched_ns >= request.start_ns) & (links.start < request.end_ns)
        mine = np.flatnonzero(launched & (links.launch >= 0))
        calls = np.unique(links.launch[mine])
        waits = links.timeline.where(Kind.CALL, names.call_class, "sync", "copy")
        inside = (events.start_ns[waits] >= request.start_ns) & (
            events.end_ns[waits] <= request.end_ns
        )
        waits = waits[inside & (events.lane[waits] == request.lane)]
        waits = waits[[links.may_wait(row) for row in waits.tolist()]]
        nodes = [
            *((int(events.start_ns[row]), LAUNCH, int(row)) for row in calls),
            *((int(links.start[place]), WORK, int(place)) for place in mine),
            *((int(events.end_ns[row]), WAIT, int(row)) for row in waits),
        ]
        return sorted(nodes)


class _Run:
    """The clocks of one replay."""

    def __init__(self, links: DeviceLinks, request: Request, change: Change) -> None:
        self._links, self._request, self._change = links, request, change
        self._events = links.timeline.events
        self._removed = _length_before(change.host_removed)
        self._seen = self._now = request.start_ns
        """Where the host is, in recorded and in new time."""
        self._launched: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._last: dict[int, int] = {}
        """When the last work on each stream ends."""

    def through(self, nodes: list[tuple[int, int, int]]) -> int:
        """The new wall."""
        steps = {LAUNCH: self._launch, WORK: self._work, WAIT: self._wait}
        for _, what, which in nodes:
            steps[what](which)
        self._host_until(self._request.end_ns)
        return self._now - self._request.start_ns

    def _host_until(self, time: int) -> None:
        """The host's own work up to a recorded time."""
        if time > self._seen:
            gone = self._removed(time) - self._removed(self._seen)
            self._now += time - self._seen - gone
            self._seen = time

    def _launch(self, row: int) -> None:
        if self._events.lane[row] == self._request.lane:
            self._host_until(int(self._events.start_ns[row]))
            self._launched[row] = self._now
        else:  # another thread's, which is taken to go on as it did
            self._launched[row] = int(self._events.start_ns[row])

    def _work(self, place: int) -> None:
        links = self._links
        kind, source = links.binding
        start, launch = int(links.start[place]), int(links.launch[place])
        bound = Binding(int(kind[place]))
        ready = [
            _after(
                self._launched[launch], int(links.launched_ns[place]), start,
                None if bound == Binding.LAUNCH else links.latency_ns,
            )
        ]  # fmt: skip
        others = [(int(links.before[place]), None if bound == Binding.STREAM else links.gap_ns)]
        if bound == Binding.EVENT:
            others.append((int(source[place]), None))
        for other, least in others:
            if other >= 0:
                recorded = int(links.end[other])
                ready.append(_after(self._ended.get(other, recorded), recorded, start, least))
        device = self._change.device_ns
        duration = links.end[place] - start if device is None else device[place]
        end = self._ended[place] = max(ready) + int(duration)
        lane = int(self._events.lane[links.rows[place]])
        self._last[lane] = max(end, self._last.get(lane, NEVER))

    def _wait(self, row: int) -> None:
        begin, end = int(self._events.start_ns[row]), int(self._events.end_ns[row])
        self._host_until(begin)
        awaited = self._links.awaited(row)
        bound = awaited >= 0 and end - begin > self._links.call_ns
        tail = end - int(self._links.end[awaited]) if bound else self._links.tail_ns
        own = min(end - begin, self._links.call_ns) if bound else end - begin
        until = self._now + own
        if row not in self._change.waits_removed:
            until = max(until, self._ends_of(row) + max(tail, 0))
        self._now, self._seen = until, max(end, self._seen)

    def _ends_of(self, row: int) -> int:
        """When the work that a call waits for has ended."""
        lane = self._links.lane_awaited(row)
        if lane is None:
            return max(self._last.values(), default=NEVER)
        return self._last.get(lane, NEVER)


def _after(now: int, recorded: int, start: int, least: int | None) -> int:
    """When work may start by one of its predecessors, which is done ``now``: after the recorded lag
    if that bound it, else after the least."""
    lag = start - recorded
    return now + (lag if least is None else min(least, lag))


def _length_before(spans: Intervals) -> Callable[[int], int]:
    """How much of a set lies before a time."""
    lengths = np.concatenate(([0], np.cumsum(spans.end - spans.start)))
    starts, ends = spans.start, spans.end

    def before(time: int) -> int:
        place = int(np.searchsorted(starts, time, side="right"))
        whole = int(lengths[place])
        return whole - max(0, int(ends[place - 1]) - time) if place else whole

    return before
