"""Runs a request again on paper, with one thing changed (CATALOGUE section 4).

The host's thread and the streams keep their order. Work starts when its launch, the work before it
and what it was told to wait for allow; a wait ends when the work it is for has ended. What bound a
start in the recording keeps the lag that was seen there, so that an unchanged replay gives the
recorded wall; the others keep the least that the machine needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from infprof.profiler.device_links import NEVER, Binding
from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.intervals import EMPTY, Int64Array, Intervals
from infprof.profiler.timeline import Request

FAITHFUL = 0.02
"""A replay without a change that misses the recorded wall by more predicts nothing."""

WAIT, LAUNCH, WORK = 0, 1, 2
"""In this order where they are at the same time: a wait ends, then the next call begins."""

Node = tuple[int, int, int]
"""Recorded time; what it is; the row of the call, or the position of the device work."""


@dataclass(frozen=True)
class Change:
    """What is different. Times in ns."""

    device_ns: Int64Array | None = None
    """New durations of all device work (``DeviceLinks.rows``); ``None``: as they were."""
    host_removed: Intervals = field(default=EMPTY)
    """Time of the request's thread that falls away, a set."""
    waits_removed: frozenset[int] = frozenset()
    """Rows of calls that wait for the device no more."""


class Machine:
    """What all replays of a recording need, read one by one."""

    def __init__(self, waits: DeviceWaits) -> None:
        links, events = waits.links, waits.links.timeline.events
        self.waits, self.links = waits, links
        self.work = links.listed
        self.calls = {
            row: (int(events.start_ns[row]), int(events.end_ns[row]), int(events.lane[row]))
            for row in {*links.launch[links.launch >= 0].tolist(), *waits.may_wait.tolist()}
        }
        """Start, end and thread of each call that launches or waits."""
        self.syncs = {row: waits.stream_of(row) for row in waits.syncs.tolist()}
        """For each synchronisation the stream's lane that it waits for; ``None``: all of them."""
        self.latency_ns, self.gap_ns = links.latency_ns, links.gap_ns
        self.tail_ns, self.call_ns = waits.tail_ns, waits.call_ns


class Replay:
    """One request of a recording, to be replayed with changes."""

    def __init__(self, machine: Machine, request: Request) -> None:
        """Where no thread is known to serve ``request``, all count as one: the usual program's
        threads work in turns."""
        self._machine, self._request = machine, request

    def wall_ns(self, change: Change | None = None) -> int:
        """How long the request would take."""
        change = change or Change()
        gone = [length_before(change.host_removed, times) for times in self._times]
        steps = zip(self._nodes, *(times.tolist() for times in gone), strict=False)
        return _Run(self._machine, self._request, change).through(steps, int(gone[0][-1]))

    @cached_property
    def faithful_wall_ns(self) -> int | None:
        """What an unchanged replay gives; ``None`` if that is not the recorded wall, without which
        none is worth believing."""
        wall, replayed = self._request.wall_ns, self.wall_ns()
        return replayed if abs(replayed - wall) <= FAITHFUL * wall else None

    @cached_property
    def _times(self) -> tuple[Int64Array, Int64Array]:
        """For each node the recorded time that it is at, and that up to which the host works
        before; and the request's end."""
        calls, end = self._machine.calls, self._request.end_ns
        at = [time for time, _, _ in self._nodes]
        until = [calls[which][0] if what == WAIT else time for time, what, which in self._nodes]
        return np.array([*at, end], np.int64), np.array([*until, end], np.int64)

    @cached_property
    def _nodes(self) -> list[Node]:
        """Launches, device work and waits of the request, in an order in which each comes after
        what it depends on."""
        links, request = self._machine.links, self._request
        events = links.timeline.events
        launched = (links.launched_ns >= request.start_ns) & (links.start < request.end_ns)
        mine = np.flatnonzero(launched & (links.launch >= 0))
        calls, first = np.unique(links.launch[mine], return_index=True)
        waits = self._machine.waits.may_wait
        inside = (events.start_ns[waits] >= request.start_ns) & (
            events.end_ns[waits] <= request.end_ns
        )
        mine_alone = events.lane[waits] == request.lane
        waits = waits[inside & (mine_alone | (request.lane is None))]
        begin = links.launched_ns[mine][first]
        time = np.concatenate([begin, links.start[mine], events.end_ns[waits]])
        what = np.repeat([LAUNCH, WORK, WAIT], [len(calls), len(mine), len(waits)])
        which = np.concatenate([calls, mine, waits])
        order = np.lexsort((which, what, time))
        columns = (column[order].tolist() for column in (time, what, which))
        return list(zip(*columns, strict=True))


class _Run:
    """The clocks of one replay."""

    def __init__(self, machine: Machine, request: Request, change: Change) -> None:
        self._machine, self._request, self._change = machine, request, change
        self._durations = None if change.device_ns is None else change.device_ns.tolist()
        self._seen = self._now = request.start_ns
        """Where the host is, in recorded and in new time."""
        self._gone = int(length_before(change.host_removed, np.array([request.start_ns]))[0])
        """How much of its time was removed so far."""
        self._launched: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._last: dict[int, int] = {}
        """When the last work on each stream ends."""

    def through(self, steps: Iterable[tuple[Node, int, int]], gone: int) -> int:
        """The new wall. With each node comes how much of the host's time is removed before the
        node's time, and before the host gets there; ``gone`` is that before the request's end."""
        for (time, what, which), gone_then, gone_before in steps:
            if what == LAUNCH:
                self._launch(time, which, gone_then)
            elif what == WORK:
                self._work(time, which)
            else:
                self._wait(time, which, gone_before, gone_then)
        self._host_until(self._request.end_ns, gone)
        return self._now + self._left_over() - self._request.start_ns

    def _left_over(self) -> int:
        """How much more work waits on the device at the end than did: it holds up what follows."""
        if not self._ended:
            return 0
        last = max(self._machine.work[place].end for place in self._ended)
        left = max(last - self._request.end_ns, 0)
        return max(max(self._ended.values()) - self._now - left, 0)

    def _host_until(self, time: int, gone: int) -> None:
        """The host's own work up to a recorded time."""
        if time > self._seen:
            self._now += time - self._seen - (gone - self._gone)
            self._seen, self._gone = time, gone

    def _launch(self, time: int, row: int, gone: int) -> None:
        if self._request.lane in (None, self._machine.calls[row][2]):
            self._host_until(time, gone)
            self._launched[row] = self._now
        else:  # another thread's, which is taken to go on as it did
            self._launched[row] = time

    def _work(self, start: int, place: int) -> None:
        if place in self._ended:
            return
        machine = self._machine
        work = machine.work[place]
        least = None if work.binding == Binding.LAUNCH else machine.latency_ns
        ready = _after(self._launched[work.launch], work.launched_ns, start, least)
        if work.before >= 0:
            least = None if work.binding == Binding.STREAM else machine.gap_ns
            ready = max(ready, self._after_work(work.before, start, least))
        if work.binding == Binding.EVENT:
            ready = max(ready, self._after_work(work.source, start, None))
        duration = work.end - start if self._durations is None else self._durations[place]
        end = self._ended[place] = ready + duration
        self._last[work.lane] = max(end, self._last.get(work.lane, NEVER))

    def _after_work(self, place: int, start: int, least: int | None) -> int:
        recorded = self._machine.work[place].end
        return _after(self._ended.get(place, recorded), recorded, start, least)

    def _wait(self, end: int, row: int, gone_before: int, gone: int) -> None:
        machine = self._machine
        begin = machine.calls[row][0]
        self._host_until(begin, gone_before)
        awaited = machine.waits.awaited.get(row, -1)
        bound = awaited >= 0 and end - begin > machine.call_ns
        tail = end - machine.work[awaited].end if bound else machine.tail_ns
        own = min(end - begin, machine.call_ns) if bound else end - begin
        if row not in self._change.waits_removed:
            self._now = max(self._now + own, self._ready(row, awaited) + max(tail, 0))
        elif row not in machine.syncs:  # the copy stays
            self._now += own
        if end > self._seen:
            self._seen, self._gone = end, gone

    def _ready(self, row: int, awaited: int) -> int:
        """When the work that a call waits for has ended: all that was launched before a sync, one
        piece of it for another call."""
        machine = self._machine
        if row not in machine.syncs:
            work = machine.work[awaited]
            if work.launch in self._launched:  # it may seem to start as the call ends
                self._work(work.start, awaited)
            return self._ended.get(awaited, work.end)
        lane = machine.syncs[row]
        if lane is None:
            return max(self._last.values(), default=NEVER)
        return self._last.get(lane, NEVER)


def _after(now: int, recorded: int, start: int, least: int | None) -> int:
    """When work may start by one of its predecessors, which is done ``now``: after the recorded lag
    if that bound it, else after the least."""
    lag = start - recorded
    return now + (lag if least is None else min(least, lag))


def length_before(spans: Intervals, times: Int64Array) -> Int64Array:
    """How much of a set lies before each of some times."""
    lengths = np.concatenate(([0], np.cumsum(spans.end - spans.start)))
    ends = np.concatenate(([NEVER], spans.end))
    place = np.searchsorted(spans.start, times, side="right")
    return lengths[place] - np.maximum(ends[place] - times, 0)
