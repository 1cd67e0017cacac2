"""Which host calls waited for the device, and for which work.

A synchronisation waits for work launched before it. A copy that returns after its bytes have moved
has waited for them; one from pageable memory waits for the work before it on its stream. And a
launch into a full queue waits for the device to make room.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.device_links import LONG_CALL_NS, DeviceLinks, quickest
from infprof.profiler.events import Kind
from infprof.profiler.intervals import Int64Array, Intervals, intersect, intervals, length
from infprof.profiler.timeline import ROUNDING_NS, Rows

USUAL_TAIL_NS = 3_000
"""What a wait takes after the work has ended, and a call by itself: used where a trace has none to
measure."""


@dataclass(frozen=True)
class DeviceWaits:
    """Views on a Timeline's waits, each computed once."""

    links: DeviceLinks

    @cached_property
    def calls(self) -> Rows:
        """Host calls that waited for the device, in order of start."""
        return self._found[0]

    @cached_property
    def places(self) -> Int64Array:
        """The position (``DeviceLinks.rows``) of the work that each waited for last."""
        return self._found[1]

    @cached_property
    def may_wait(self) -> Rows:
        """Calls that wait for the device, be there something to wait for or not, in order of
        start."""
        return np.union1d(self.syncs, self.calls)

    @cached_property
    def awaited(self) -> dict[int, int]:
        """For each of ``calls``, its one of ``places``."""
        return dict(zip(self.calls.tolist(), self.places.tolist(), strict=True))

    @cached_property
    def syncs(self) -> Rows:
        """Calls that wait for work launched before, and for nothing else."""
        return self.links.timeline.where(Kind.CALL, names.call_class, "sync")

    def stream_of(self, sync: int) -> int | None:
        """The stream's lane that it waits for; ``None``: all of them."""
        return self._reported.get(int(self.links.timeline.events.correlation[sync]))

    @cached_property
    def tail_ns(self) -> int:
        """From the end of the work to the end of the call that waits for it, at least."""
        ended = self.links.timeline.events.end_ns[self.calls]
        return quickest(ended - self.links.end[self.places], USUAL_TAIL_NS)

    @cached_property
    def call_ns(self) -> int:
        """What a call takes that has nothing to wait for, at least."""
        calls = np.setdiff1d(self.links.timeline.by_kind[Kind.CALL], self.calls)
        return quickest(self.links.timeline.durations(calls), USUAL_TAIL_NS)

    @cached_property
    def _found(self) -> tuple[Rows, Int64Array]:
        if not len(self.links.rows):
            return np.zeros(0, np.intp), np.zeros(0, np.int64)
        copies = self.links.timeline.where(Kind.CALL, names.call_class, "copy")
        launches = self.links.timeline.where(Kind.CALL, names.call_class, "launch", "graph")
        launches = launches[self.links.timeline.durations(launches) >= LONG_CALL_NS]
        calls = np.concatenate([self.syncs, copies, launches])
        places = np.concatenate(
            [
                [self._last_within(row, self.stream_of(row)) for row in self.syncs.tolist()],
                self._moved_by(copies),
                [self._room_made(row) for row in launches.tolist()],
            ]
        ).astype(np.int64)
        order = np.argsort(calls, kind="stable")
        order = order[places[order] >= 0]
        return calls[order], places[order]

    def _last_within(self, call: int, lane: int | None) -> int:
        """Of the work launched before, what ended last within the call."""
        events = self.links.timeline.events
        start, end = int(events.start_ns[call]), int(events.end_ns[call])
        places, ends = self._by_end(lane)
        first = int(np.searchsorted(ends, start, side="right"))
        last = int(np.searchsorted(ends, end + ROUNDING_NS, side="right"))
        within = places[first:last]
        before = np.flatnonzero(self.links.launched_ns[within] < start)
        return int(within[before[-1]]) if len(before) else -1

    def _moved_by(self, copies: Rows) -> Int64Array:
        """For each copy call its own copy, if that ended within; else, if it is a staged one, the
        work that held it up."""
        events, links = self.links.timeline.events, self.links
        order, launches = links.by_launch
        place = order[np.minimum(np.searchsorted(launches, copies), len(order) - 1)]
        starts, ends = events.start_ns[copies], events.end_ns[copies] + ROUNDING_NS

        def within(places: Int64Array) -> npt.NDArray[np.bool_]:
            return (places >= 0) & (links.end[places] > starts) & (links.end[places] <= ends)

        mine = links.launch[place] == copies
        before = links.before[place]
        held_up = np.where(links.is_staged[place] & within(before), before, -1)
        return np.where(mine, np.where(within(place), place, held_up), -1)

    def _room_made(self, call: int) -> int:
        """The work that ended last within a launch through all of which the device was busy."""
        events = self.links.timeline.events
        whole = intervals([events.start_ns[call]], [events.end_ns[call]])
        if length(intersect(self._busy, whole)) < length(whole):
            return -1
        return self._last_within(call, None)

    @cached_property
    def _busy(self) -> Intervals:
        return self.links.timeline.busy(self.links.rows)

    @cached_property
    def _reported(self) -> dict[int, int]:
        """For the correlation id of a sync of one stream, that stream's lane, as the device
        reports it."""
        timeline = self.links.timeline
        rows = timeline.where(Kind.SYNC, lambda name: "one" if "Stream" in name else None, "one")
        ids, lanes = timeline.events.correlation[rows], timeline.events.lane[rows]
        pairs = zip(ids.tolist(), lanes.tolist(), strict=True)
        return {one: lane for one, lane in pairs if one >= 0}

    def _by_end(self, lane: int | None) -> tuple[Int64Array, Int64Array]:
        """Positions on a lane (``None``: on all) in order of end, and these ends."""
        if lane not in self._ends:
            chosen = np.arange(len(self.links.rows))
            if lane is not None:
                chosen = chosen[self.links.lane == lane]
            chosen = chosen[np.argsort(self.links.end[chosen], kind="stable")]
            self._ends[lane] = chosen, self.links.end[chosen]
        return self._ends[lane]

    @cached_property
    def _ends(self) -> dict[int | None, tuple[Int64Array, Int64Array]]:
        return {}
