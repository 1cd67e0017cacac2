"""What each piece of device work waited for, and which host calls waited for the device.

Work starts when the last of its predecessors is done: the work before it on its stream, its launch
from the host, or work on another stream that its own was told to wait for. A trace does not say
which was last, but its times do. What a trace lacks (a launch, a stream) is left out, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Flag, Kind
from infprof.profiler.intervals import Int64Array
from infprof.profiler.timeline import ROUNDING_NS, Rows, Timeline

NEVER = np.iinfo(np.int64).min // 4
"""Earlier than any time."""

QUICK = 0.05
"""Quantile of observed latencies that counts as what the hardware takes at least."""

USUAL_LATENCY_NS, USUAL_GAP_NS = 5_000, 1_500
"""From a launch to its kernel on an idle device, and between two kernels that were queued: used
where a trace has none to measure (CATALOGUE section 0)."""

USUAL_TAIL_NS = 3_000
"""What a wait takes after the work has ended, and a call by itself."""

ACROSS_NS = 10_000
"""Work that waits for an event of another stream starts this soon after it."""


UNEXPLAINED_NS = 1_000
"""Work that starts this much later than its stream and its launch allow waited for something."""


class Binding(IntEnum):
    """What a piece of device work waited for last."""

    UNKNOWN = 0
    LAUNCH = 1
    STREAM = 2
    """The work before it on its stream, or in its graph."""
    EVENT = 3
    """Work on another stream."""


@dataclass(frozen=True)
class DeviceLinks:
    """Views on a Timeline's device work, each computed once. Positions count ``rows``."""

    timeline: Timeline

    @cached_property
    def rows(self) -> Rows:
        """Device work in order of start."""
        return self.timeline.device_rows

    @cached_property
    def start(self) -> Int64Array:
        """When each started."""
        return self.timeline.events.start_ns[self.rows]

    @cached_property
    def end(self) -> Int64Array:
        """When each ended."""
        return self.timeline.events.end_ns[self.rows]

    @cached_property
    def launch(self) -> Int64Array:
        """Row of the host call that launched it, -1 where unknown."""
        return self.timeline.launch_of[self.rows]

    @cached_property
    def launched_ns(self) -> Int64Array:
        """When that call began, ``NEVER`` where unknown."""
        known = self.launch >= 0
        return np.where(known, self.timeline.events.start_ns[self.launch], NEVER)

    @cached_property
    def linked_share(self) -> float:
        """Of all device work, how much has a known launch; 0 where there is none."""
        return float((self.launch >= 0).mean()) if len(self.rows) else 0.0

    @cached_property
    def before(self) -> Int64Array:
        """Position of the work before it on its stream, or in its graph if that ended later."""
        lane = self.timeline.events.lane[self.rows]
        before = _previous(lane)
        in_graph = (self.timeline.events.flags[self.rows] & Flag.GRAPH) > 0
        group = np.where(in_graph & (self.launch >= 0), self.launch, -2 - np.arange(len(lane)))
        sibling = _previous(group)
        sibling = np.where((sibling >= 0) & (self.end[sibling] <= self.start), sibling, -1)
        later = self._end_of(sibling) > self._end_of(before)
        return np.where(later, sibling, before)

    @cached_property
    def latency_ns(self) -> int:
        """From the begin of a launch to its kernel on an idle stream, at least."""
        idle = (self.launch >= 0) & (self._end_of(self.before) <= self.launched_ns)
        return _quick((self.start - self.launched_ns)[idle], USUAL_LATENCY_NS)

    @cached_property
    def gap_ns(self) -> int:
        """Between the ends and the starts of queued work on one stream, at least."""
        queued = self.launched_ns + self.latency_ns < self._end_of(self.before)
        return _quick((self.start - self._end_of(self.before))[queued], USUAL_GAP_NS)

    @cached_property
    def binding(self) -> tuple[npt.NDArray[np.int8], Int64Array]:
        """For each position its ``Binding``, and the position it waited for (-1: its launch)."""
        by_stream = self._end_of(self.before) + self.gap_ns
        by_launch = self.launched_ns + self.latency_ns
        kind = np.where(by_launch > by_stream, Binding.LAUNCH, Binding.STREAM)
        kind[(self.before < 0) & (self.launch < 0)] = Binding.UNKNOWN
        source = np.where(kind == Binding.STREAM, self.before, -1)
        across = self._across(np.maximum(by_stream, by_launch))
        kind[across >= 0] = Binding.EVENT
        return kind.astype(np.int8), np.where(across >= 0, across, source)

    def _across(self, ready: Int64Array) -> Int64Array:
        """Position of the work on another stream that explains a later start, or -1."""
        calls = self.timeline.where(Kind.CALL, _waits_across, "waits")
        found = np.full(len(self.rows), -1, np.int64)
        if not len(calls) or not len(self.rows):
            return found
        order = np.argsort(self.end, kind="stable")
        place = np.searchsorted(self.end[order], self.start, side="right") - 1
        candidate = order[np.maximum(place, 0)]
        lane = self.timeline.events.lane[self.rows]
        explains = (
            (place >= 0)
            & (lane[candidate] != lane)
            & (self.start - self.end[candidate] <= ACROSS_NS)
            & (self.start - ready > UNEXPLAINED_NS)
        )
        return np.where(explains, candidate, found)

    @cached_property
    def waits(self) -> tuple[Rows, Int64Array]:
        """Host calls that waited for the device, in order of start, and the position of the work
        that each waited for last."""
        calls = self.timeline.where(Kind.CALL, names.call_class, "sync", "copy")
        awaited = np.array([self._find_awaited(row) for row in calls.tolist()], np.int64)
        return calls[awaited >= 0], awaited[awaited >= 0]

    @cached_property
    def _awaited(self) -> dict[int, int]:
        return dict(zip(*(column.tolist() for column in self.waits), strict=True))

    def awaited(self, call: int) -> int:
        """Position of the work that a call waited for; -1 if it waited for nothing."""
        return self._awaited.get(call, -1)

    def may_wait(self, call: int) -> bool:
        """Whether a call waits for the device, be there something to wait for or not."""
        return names.call_class(self.timeline.name(call)) == "sync" or self.awaited(call) >= 0

    def lane_awaited(self, call: int) -> int | None:
        """The stream's lane that a call waits for; ``None``: all of them."""
        if names.call_class(self.timeline.name(call)) == "sync":
            return self._stream_of(call)
        return int(self.timeline.events.lane[self.rows[self.awaited(call)]])

    @cached_property
    def tail_ns(self) -> int:
        """From the end of the work to the end of the call that waits for it, at least."""
        calls, places = self.waits
        return _quick(self.timeline.events.end_ns[calls] - self.end[places], USUAL_TAIL_NS)

    @cached_property
    def call_ns(self) -> int:
        """What a call takes that has nothing to wait for, at least."""
        calls = np.setdiff1d(self.timeline.by_kind[Kind.CALL], self.waits[0])
        return _quick(self.timeline.durations(calls), USUAL_TAIL_NS)

    def _find_awaited(self, call: int) -> int:
        events = self.timeline.events
        start, end = int(events.start_ns[call]), int(events.end_ns[call])
        is_sync = names.call_class(self.timeline.name(call)) == "sync"
        places, ends = self._by_end(self._stream_of(call) if is_sync else None)
        last = int(np.searchsorted(ends, end + ROUNDING_NS, side="right"))
        first = int(np.searchsorted(ends, start, side="right"))
        for place in places[first:last][::-1].tolist():
            if self.launch[place] == call or (is_sync and self.launched_ns[place] < start):
                return int(place)
        return -1

    def _stream_of(self, call: int) -> int | None:
        """The stream's lane that a sync waits for, as the device reports it; ``None``: any."""
        place = np.searchsorted(self._syncs[0], self.timeline.events.correlation[call])
        if (
            place < len(self._syncs[0])
            and self._syncs[0][place] == (self.timeline.events.correlation[call])
        ):
            row = int(self._syncs[1][place])
            if "Stream" in self.timeline.name(row):
                return int(self.timeline.events.lane[row])
        return None

    @cached_property
    def _syncs(self) -> tuple[Int64Array, Int64Array]:
        rows = self.timeline.by_kind[Kind.SYNC]
        ids = self.timeline.events.correlation[rows]
        order = np.argsort(ids, kind="stable")
        order = order[ids[order] >= 0]
        return ids[order], rows[order]

    def _by_end(self, lane: int | None) -> tuple[Int64Array, Int64Array]:
        """Positions on a lane (``None``: on all) in order of end, and these ends."""
        if lane not in self._ends:
            chosen = np.arange(len(self.rows))
            if lane is not None:
                chosen = chosen[self.timeline.events.lane[self.rows] == lane]
            chosen = chosen[np.argsort(self.end[chosen], kind="stable")]
            self._ends[lane] = chosen, self.end[chosen]
        return self._ends[lane]

    @cached_property
    def _ends(self) -> dict[int | None, tuple[Int64Array, Int64Array]]:
        return {}

    def _end_of(self, positions: Int64Array) -> Int64Array:
        if not len(self.rows):
            return np.zeros(0, np.int64)
        return np.where(positions >= 0, self.end[positions], NEVER)


def _previous(groups: npt.NDArray[np.integer]) -> Int64Array:
    """For each member the position of the one before it in its group, or -1."""
    order = np.argsort(groups, kind="stable")
    before = np.full(len(groups), -1, np.int64)
    same = groups[order[1:]] == groups[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    return before


def _quick(times: Int64Array, usual: int) -> int:
    times = times[times >= 0]
    return int(np.quantile(times, QUICK)) if len(times) else usual


def _waits_across(name: str) -> str | None:
    return "waits" if "StreamWaitEvent" in name else None
