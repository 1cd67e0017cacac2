"""A long stretch of device work replayed at once, where each piece waits for nothing within it but
the one before it on its stream.

Then ``end = max(launched, end before + lag) + time`` is a running maximum, once the lags and times
up to each piece are taken off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array
from infprof.profiler.replay_steps import NONE, Work

LEAST_PIECES = 64
"""A shorter stretch is replayed piece by piece in less time."""


@dataclass(frozen=True)
class Chains:
    """What no change touches of such a stretch; its pieces stream by stream."""

    order: npt.NDArray[np.intp]
    """Positions in the stretch."""
    begin: int
    """The least place of a piece; together they take all from there on."""
    places: Int64Array
    """Counted from there."""
    lanes: list[int]
    firsts: npt.NDArray[np.intp]
    """Where each stream begins."""
    follows: npt.NDArray[np.bool_]
    """Which pieces wait for the one before them."""
    lag: Int64Array
    """How long after its end they may start; 0 for the others."""
    outside: list[tuple[int, int, int]]
    """Those that wait for a piece before the stretch: which, the piece's place, and the lag."""

    def run(
        self, launched: Int64Array, times: Int64Array, ended: list[int], last: dict[int, int]
    ) -> None:
        """Enter when each piece ends, and the last one of each stream. ``launched`` and ``times``
        are the stretch's, in its own order."""
        ready, time = launched[self.order], times[self.order]
        for which, place, lag in self.outside:
            ready[which] = max(int(ready[which]), ended[place] + lag)
        taken = np.cumsum(time + self.lag)
        ahead = ready + time - taken
        # a stream, or what follows nothing, begins anew: lifted above all that was before
        lift = np.cumsum(~self.follows) * (int(ahead.max()) - int(ahead.min()) + 1)
        ends = np.maximum.accumulate(ahead + lift) - lift + taken
        by_place = np.empty_like(ends)
        by_place[self.places] = ends
        ended[self.begin : self.begin + len(ends)] = by_place.tolist()
        for lane, end in zip(self.lanes, np.maximum.reduceat(ends, self.firsts), strict=True):
            last[lane] = max(last[lane], int(end))


def chains_of(work: Work, lane: npt.NDArray[np.int32], begin: int, end: int) -> Chains | None:
    """The stretch from ``begin`` to ``end`` of a request's work, whose streams are ``lane``;
    ``None`` where it is short, has other requests' work in between, or waits for something else
    within itself."""
    if end - begin < LEAST_PIECES:
        return None
    work, lane = Work(*(column[begin:end] for column in work)), lane[begin:end]
    first = int(work.place.min())
    if int(work.place.max()) - first >= len(work.place):
        return None
    order = np.argsort(lane, kind="stable")
    position = np.empty(len(order), np.intp)  # of each piece in that order
    position[order] = np.arange(len(order))
    position_of = np.argsort(work.place)
    before, told = (_within(position_of, of - first)[order] for of in (work.before, work.told))
    follows = before != NONE
    expected = np.arange(len(order)) - 1
    if (told != NONE).any() or (position[before[follows]] != expected[follows]).any():
        return None
    is_first = np.concatenate(([True], lane[order][1:] != lane[order][:-1]))
    if (follows & is_first).any():
        return None
    is_behind_earlier = (work.before[order] != NONE) & ~follows
    waits = [
        *_waits(order, is_behind_earlier, work.before, work.after_before),
        *_waits(order, work.told[order] != NONE, work.told, work.after_told),
    ]
    return Chains(
        order, first, work.place[order] - first, lane[order][is_first].tolist(),
        np.flatnonzero(is_first), follows, np.where(follows, work.after_before[order], 0), waits,
    )  # fmt: skip


def _waits(
    order: npt.NDArray[np.intp], which: npt.NDArray[np.bool_], awaited: Int64Array, lag: Int64Array
) -> Iterator[tuple[int, int, int]]:
    """For ``which`` of the pieces in order: the number, what it waits for, and the lag."""
    numbers = np.flatnonzero(which)
    mine = order[numbers]
    return zip(numbers.tolist(), awaited[mine].tolist(), lag[mine].tolist(), strict=True)


def _within(position_of: npt.NDArray[np.intp], places: Int64Array) -> npt.NDArray[np.intp]:
    """The positions in a stretch of ``places`` counted from its least; ``NONE`` outside it."""
    inside = (places >= 0) & (places < len(position_of))
    return np.where(inside, position_of[np.where(inside, places, 0)], NONE)
