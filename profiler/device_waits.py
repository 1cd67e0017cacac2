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
from infprof.profiler.intervals import Int64Array, length_before
from infprof.profiler.timeline import ROUNDING_NS, Rows

USUAL_TAIL_NS = 3_000
"""What a wait takes after the work has ended, and a call by itself: used where a trace has none to
measure."""

ALL = -1
"""In place of a stream: all of them."""


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

    def awaited_by(self, calls: Rows) -> Int64Array:
        """For each of these calls the position of the work that it waited for last, or -1."""
        place = np.searchsorted(self.calls, calls)
        same = np.append(self.calls, -1)[place] == calls
        return np.where(same, np.append(self.places, -1)[place], -1)

    @cached_property
    def syncs(self) -> Rows:
        """Calls that wait for work launched before, and for nothing else."""
        return self.links.timeline.where(Kind.CALL, names.call_class, "sync")

    def streams_of(self, syncs: Rows) -> Int64Array:
        """For each the lane of the stream that it waits for, as the device reports it by the
        sync's correlation id; ``ALL``: it waits for all of them."""
        timeline = self.links.timeline
        rows = timeline.where(Kind.SYNC, lambda name: "one" if "Stream" in name else None, "one")
        ids, lanes = timeline.events.correlation[rows], timeline.events.lane[rows]
        lane_of = dict(zip(ids[ids >= 0].tolist(), lanes[ids >= 0].tolist(), strict=True))
        found = [lane_of.get(one, ALL) for one in timeline.events.correlation[syncs].tolist()]
        return np.array(found, np.int64)

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
            [self._last_before(self.syncs), self._moved_by(copies), self._room_made(launches)]
        )
        order = np.argsort(calls, kind="stable")
        order = order[places[order] >= 0]
        return calls[order], places[order]

    def _last_before(self, syncs: Rows) -> Int64Array:
        """For each sync, of the work that it waits for what ended last within it; -1: none."""
        streams, places = self.streams_of(syncs), np.full(len(syncs), -1, np.int64)
        for one in np.unique(streams).tolist():
            places[streams == one] = self._last_within(syncs[streams == one], one)
        return places

    def _last_within(self, calls: Rows, stream: int) -> Int64Array:
        """For each call, of the work launched before what ended last within it; -1: none."""
        events = self.links.timeline.events
        starts, ends = events.start_ns[calls], events.end_ns[calls] + ROUNDING_NS
        order = self._by_end(stream)
        first, after = (
            np.searchsorted(self.links.end[order], times, side="right") for times in (starts, ends)
        )
        last, open_ = after - 1, np.arange(len(calls))
        while len(open_ := open_[last[open_] >= first[open_]]):
            open_ = open_[self.links.launched_ns[order[last[open_]]] >= starts[open_]]
            last[open_] -= 1
        return np.where(last >= first, np.append(order, -1)[last], -1)

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

    def _room_made(self, launches: Rows) -> Int64Array:
        """The work that ended last within a launch through all of which the device was busy."""
        events, busy = self.links.timeline.events, self.links.timeline.busy(self.links.rows)
        starts, ends = events.start_ns[launches], events.end_ns[launches]
        is_busy = length_before(busy, ends) - length_before(busy, starts) == ends - starts
        return np.where(is_busy, self._last_within(launches, ALL), -1)

    def _by_end(self, stream: int) -> Int64Array:
        """Positions on a stream, or on all, in order of end."""
        places = np.arange(len(self.links.rows))
        if stream != ALL:
            places = places[self.links.lane == stream]
        return places[np.argsort(self.links.end[places], kind="stable")]
