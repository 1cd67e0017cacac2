"""Stints: which thread worked for which request, and when; and what a request waited for.

On the thread of an event loop requests take turns, and one request may be worked on by several
threads. A stint is a stretch of one thread between two such changes, so that the stints of a thread
never overlap, and whatever begins in one was done for its request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array, Intervals, union

WORK = 0
"""In place of a wait: the thread worked."""

WAITS = ("", "before the server", "event loop", "thread pool", "other requests on the loop")
"""What a request can wait for; the last is not noted but seen: the loop's thread worked for others
while this request was under way, which it may or may not have waited for."""

OTHERS = WAITS[-1]

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Stints:
    """Columns of one length, sorted by start."""

    request: Int64Array
    """``Requests.number`` of the request."""
    lane: npt.NDArray[np.int32]
    """The thread that worked; of a wait, the one in which the request began."""
    start_ns: Int64Array
    end_ns: Int64Array
    wait: npt.NDArray[np.int8]
    """Index into ``WAITS``, or ``WORK``."""

    def __len__(self) -> int:
        return len(self.start_ns)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int, int, str]]) -> Stints:
        """From rows of (request, start_ns, end_ns, lane, what it waited for)."""
        table = np.array(
            sorted(
                (start, end, one, lane, WAITS.index(wait)) for one, start, end, lane, wait in rows
            ),
            np.int64,
        ).reshape(-1, 5)
        return cls(
            table[:, 2],
            table[:, 3].astype(np.int32),
            table[:, 0],
            table[:, 1],
            table[:, 4].astype(np.int8),
        )

    def spans(self, rows: npt.NDArray[np.bool_]) -> Intervals:
        """When some of them were, as a set."""
        return union(Intervals(self.start_ns[rows], self.end_ns[rows]))

    def of(self, requests: set[int], lane: int) -> list[tuple[int, int]]:
        """When a thread worked for any of some requests, given by their numbers."""
        mine = (self.lane == lane) & (self.wait == WORK)
        mine &= np.isin(self.request, list(requests))
        return list(zip(self.start_ns[mine].tolist(), self.end_ns[mine].tolist(), strict=True))

    def lanes(self) -> npt.NDArray[np.int32]:
        """The threads that worked for any request."""
        return np.unique(self.lane[self.wait == WORK])

    def first_work(self, requests: Int64Array) -> Int64Array:
        """When work began on each of some requests; -1 where it is not known."""
        worked = self.wait == WORK
        known, first = np.unique(self.request[worked], return_index=True)
        start, found = self.start_ns[worked], np.full(len(requests), -1, np.int64)
        place = np.searchsorted(known, requests)
        same = place < len(known)
        same[same] = known[place[same]] == requests[same]
        found[same] = start[first[place[same]]]
        return found

    def worked_ns(self, requests: Int64Array) -> Int64Array:
        """How long threads worked for each of some requests; 0 where none is known to have."""
        worked = np.flatnonzero(self.wait == WORK)
        known, place = np.unique(self.request[worked], return_inverse=True)
        total = np.zeros(len(known), np.int64)
        np.add.at(total, place, (self.end_ns - self.start_ns)[worked])
        found = dict(zip(known.tolist(), total.tolist(), strict=True))
        return np.array([found.get(one, 0) for one in requests.tolist()], np.int64)

    def owner(self, lanes: npt.NDArray[np.int32], times: Int64Array) -> Int64Array:
        """For which request each thread worked at each time; ``NOBODY`` where for none."""
        found = np.full(len(times), NOBODY, np.int64)
        for lane in np.intersect1d(self.lanes(), lanes):
            mine = np.flatnonzero((self.lane == lane) & (self.wait == WORK))
            asked = np.flatnonzero(lanes == lane)
            place = np.searchsorted(self.start_ns[mine], times[asked], side="right") - 1
            inside = place >= 0
            inside[inside] = times[asked[inside]] < self.end_ns[mine[place[inside]]]
            found[asked[inside]] = self.request[mine[place[inside]]]
        return found


NO_STINTS = Stints.from_rows(())
