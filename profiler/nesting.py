"""Which operator lies in which: the calls of one thread are nested, so intervals tell it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.events import Events
from infprof.profiler.intervals import Int64Array
from infprof.profiler.timeline import Rows


def holds_another(events: Events, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which of some rows have another of them inside, on the same lane.

    Old traces give whole microseconds: what begins in a row and has its middle there lies in it.
    """
    start, end, lane = events.start_ns[rows], events.end_ns[rows], events.lane[rows]
    order = np.lexsort((-end, start, lane))
    start, end, lane = start[order], end[order], lane[order]
    inside = (lane[1:] == lane[:-1]) & (start[1:] < end[:-1])
    middle = start[1:] + (end[1:] - start[1:]) // 2
    found = np.zeros(len(rows), np.bool_)
    found[order[:-1]] = inside & (middle <= end[:-1])
    return found


def encloses(events: Events, rows: Rows, inner: Rows) -> npt.NDArray[np.bool_]:
    """In which of some rows one of ``inner`` begins, on the same lane."""
    found = np.zeros(len(rows), np.bool_)
    for lane in np.unique(events.lane[rows]):
        mine = np.flatnonzero(events.lane[rows] == lane)
        starts = np.sort(events.start_ns[inner[events.lane[inner] == lane]])
        first = np.searchsorted(starts, events.start_ns[rows[mine]])
        found[mine] = np.searchsorted(starts, events.end_ns[rows[mine]]) > first
    return found


def innermost_at(
    events: Events, rows: Rows, lanes: npt.NDArray[np.int32], times: Int64Array
) -> Rows:
    """The innermost of some rows that covers each time on its lane, -1 where none does."""
    found = np.full(len(times), -1, np.intp)
    lanes_of_rows = events.lane[rows]
    for lane in np.intersect1d(lanes_of_rows, lanes):
        asked = np.flatnonzero(lanes == lane)
        mine = rows[lanes_of_rows == lane]
        mine = mine[events.end_ns[mine] > events.start_ns[mine]]
        place = _innermost(events.start_ns[mine], events.end_ns[mine], times[asked])
        found[asked[place >= 0]] = mine[place[place >= 0]]
    return found


def _innermost(start: Int64Array, end: Int64Array, times: Int64Array) -> npt.NDArray[np.intp]:
    """Of nested intervals in order of start, longest first among equals: the one that covers each
    time and began at the depth that is open then. No Python per interval."""
    ends = np.sort(end)
    depth = np.maximum(np.arange(len(start)) - np.searchsorted(ends, start, "right"), 0)
    begun = np.searchsorted(start, times, "right")
    wanted = begun - np.searchsorted(ends, times, "right") - 1
    found = np.full(len(times), -1, np.intp)
    for level in np.unique(wanted[wanted >= 0]):
        rows, asked = np.flatnonzero(depth == level), np.flatnonzero(wanted == level)
        place = np.searchsorted(start[rows], times[asked], "right") - 1
        found[asked[place >= 0]] = rows[place[place >= 0]]
    covers = (found >= 0) & (end[found] > times) if len(end) else found >= 0
    return np.where(covers, found, _last_begun(end, begun, times))


def _last_begun(
    end: Int64Array, begun: npt.NDArray[np.intp], times: Int64Array
) -> npt.NDArray[np.intp]:
    """Where rounding spoilt the nesting: the interval that began last, if it is still open."""
    if not len(end):
        return np.full(len(times), -1, np.intp)
    last = begun - 1
    return np.where((last >= 0) & (end[last] > times), last, -1)
