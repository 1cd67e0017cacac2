"""What each piece of device work waited for.

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

ACROSS_NS = 10_000
"""Work that waits for an event of another stream starts this soon after it."""

LONG_CALL_NS = 100_000
"""Ten times what a launch takes that finds room in the queue (CATALOGUE section 0)."""

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
        """When it did: as that call began, or as it ended if it lasted long, because it moved
        pageable memory or code, or waited for room. ``NEVER`` where unknown."""
        if not len(self.rows):
            return np.zeros(0, np.int64)
        events = self.timeline.events
        began, ended = events.start_ns[self.launch], events.end_ns[self.launch]
        waited_for = (events.kind[self.rows] == Kind.COPY) & (self.end <= ended + ROUNDING_NS)
        late = (ended - began >= LONG_CALL_NS) & ~waited_for
        handed = np.clip(self.start - USUAL_LATENCY_NS, began, ended)
        given = np.minimum(np.where(late, handed, began), self.start)
        return np.where(self.launch >= 0, given, NEVER)

    @cached_property
    def direction(self) -> npt.NDArray[np.object_]:
        """Which way each copies (``names.copy_direction``); ``""`` where it is no copy."""
        copies = self.timeline.events.kind[self.rows] == Kind.COPY
        return np.where(copies, self.timeline.label(self.rows, names.copy_direction), "")

    @cached_property
    def is_staged(self) -> npt.NDArray[np.bool_]:
        """Which are copies from pageable memory."""
        pageable = self.timeline.label(self.rows, names.copy_memory) == "pageable"
        return np.asarray((self.direction == "h2d") & pageable, np.bool_)

    @cached_property
    def lane(self) -> npt.NDArray[np.int32]:
        """The stream of each."""
        return self.timeline.events.lane[self.rows]

    @cached_property
    def in_graph(self) -> npt.NDArray[np.bool_]:
        """Which came from a CUDA graph."""
        return np.asarray((self.timeline.events.flags[self.rows] & Flag.GRAPH) > 0, np.bool_)

    @cached_property
    def by_launch(self) -> tuple[Int64Array, Int64Array]:
        """Positions in order of their launches' rows, and these rows."""
        order = np.argsort(self.launch, kind="stable")
        return order, self.launch[order]

    @cached_property
    def linked_share(self) -> float:
        """Of all device work, how much has a known launch; 0 where there is none."""
        return float((self.launch >= 0).mean()) if len(self.rows) else 0.0

    @cached_property
    def before(self) -> Int64Array:
        """Position of the work before it on its stream, or in its graph if that ended later."""
        before, alone = _previous(self.lane), -2 - np.arange(len(self.rows))
        group = np.where(self.in_graph & (self.launch >= 0), self.launch, alone)
        sibling = _previous(group)
        sibling = np.where((sibling >= 0) & (self.end[sibling] <= self.start), sibling, -1)
        later = self._end_of(sibling) > self._end_of(before)
        return np.where(later, sibling, before)

    @cached_property
    def latency_ns(self) -> int:
        """From the begin of a launch to its kernel on an idle stream, at least."""
        idle = (self.launch >= 0) & (self._end_of(self.before) <= self.launched_ns)
        return quickest((self.start - self.launched_ns)[idle], USUAL_LATENCY_NS)

    @cached_property
    def gap_ns(self) -> int:
        """Between the ends and the starts of queued work on one stream, at least."""
        queued = self.launched_ns + self.latency_ns < self._end_of(self.before)
        return quickest((self.start - self._end_of(self.before))[queued], USUAL_GAP_NS)

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
        found = np.full(len(self.rows), -1, np.int64)
        in_graph = self.in_graph
        calls = self.timeline.where(Kind.CALL, _waits_across, "waits")
        if not len(calls) and not in_graph.any():
            return found
        order = np.argsort(self.end, kind="stable")
        place = np.searchsorted(self.end[order], self.start, side="right") - 1
        candidate = order[np.maximum(place, 0)]
        explains = (
            (place >= 0)
            & (self.lane[candidate] != self.lane)
            & (self.start - self.end[candidate] <= ACROSS_NS)
            & (self.start - ready > UNEXPLAINED_NS)
            & (bool(len(calls)) | in_graph | in_graph[candidate])  # a graph has its own streams
        )
        return np.where(explains, candidate, found)

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


def quickest(times: Int64Array, usual: int) -> int:
    """What of these times, ns, counts as the least; ``usual`` where there are none."""
    times = times[times >= 0]
    return int(np.quantile(times, QUICK)) if len(times) else usual


def _waits_across(name: str) -> str | None:
    return "waits" if "StreamWaitEvent" in name else None
