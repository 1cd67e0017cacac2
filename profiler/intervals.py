"""Pure algebra on sets of half-open nanosecond intervals; the only place that does it.

A *set* here is an ``Intervals`` whose members are sorted, disjoint and non-empty (``union`` makes
one). All times are int64 nanoseconds, so lengths add up exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]


class Intervals(NamedTuple):
    """Starts and ends of intervals ``[start, end)``, two int64 arrays of one length."""

    start: Int64Array
    end: Int64Array


def intervals(start: npt.ArrayLike, end: npt.ArrayLike) -> Intervals:
    """Two array-likes of nanoseconds as ``Intervals`` (neither sorted nor merged)."""
    return Intervals(np.asarray(start, np.int64), np.asarray(end, np.int64))


EMPTY = intervals([], [])


def union(spans: Intervals) -> Intervals:
    """The set covered by any of ``spans``: sorted, disjoint, touching members merged."""
    keep = spans.end > spans.start
    if not keep.any():
        return EMPTY
    start, end = spans.start[keep], spans.end[keep]
    if (start[1:] < start[:-1]).any():
        order = np.argsort(start, kind="stable")
        start, end = start[order], end[order]
    reach = np.maximum.accumulate(end)
    first = np.concatenate(([True], start[1:] > reach[:-1]))
    last = np.concatenate((first[1:], [True]))
    return Intervals(start[first], reach[last])


def joined(parts: Sequence[Intervals]) -> Intervals:
    """All members of several ``Intervals`` one after the other, neither sorted nor merged."""
    return Intervals(
        np.concatenate([EMPTY.start, *(part.start for part in parts)]),
        np.concatenate([EMPTY.end, *(part.end for part in parts)]),
    )


def intersect(a: Intervals, b: Intervals) -> Intervals:
    """The set covered by both sets ``a`` and ``b``."""
    if not len(a.start) or not len(b.start):
        return EMPTY
    first = np.searchsorted(b.end, a.start, side="right")
    count = np.maximum(np.searchsorted(b.start, a.end, side="left") - first, 0)
    left = np.repeat(np.arange(len(a.start)), count)
    offset = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    right = first[left] + offset
    return Intervals(
        np.maximum(a.start[left], b.start[right]), np.minimum(a.end[left], b.end[right])
    )


def subtract(a: Intervals, b: Intervals) -> Intervals:
    """The part of set ``a`` that set ``b`` does not cover."""
    if not len(a.start) or not len(b.start):
        return a
    low = min(int(a.start[0]), int(b.start[0]))
    high = max(int(a.end[-1]), int(b.end[-1]))
    outside = Intervals(
        np.concatenate(([low], b.end)).astype(np.int64),
        np.concatenate((b.start, [high])).astype(np.int64),
    )
    keep = outside.end > outside.start
    return intersect(a, Intervals(outside.start[keep], outside.end[keep]))


def holds(spans: Intervals, times: Int64Array) -> npt.NDArray[np.bool_]:
    """Which of the times lie in a set."""
    place = np.searchsorted(spans.start, times, side="right")
    ends = np.append(np.iinfo(np.int64).min, spans.end)[place]
    return np.asarray(times < ends, np.bool_)


def length(spans: Intervals) -> int:
    """Total nanoseconds; of a set this is the time it covers."""
    return int((spans.end - spans.start).sum())


def clip(spans: Intervals, low: int, high: int) -> Intervals:
    """The part of each interval inside ``[low, high)``; what lies outside is dropped."""
    start, end = np.maximum(spans.start, low), np.minimum(spans.end, high)
    keep = end > start
    return Intervals(start[keep], end[keep])


def gaps(spans: Intervals, at_most: int) -> Intervals:
    """The holes of a set that are no longer than ``at_most`` nanoseconds."""
    start, end = spans.end[:-1], spans.start[1:]
    keep = (end - start) <= at_most
    return Intervals(start[keep], end[keep])


def innermost(spans: Intervals) -> tuple[Intervals, Int64Array]:
    """Cut properly nested intervals of one thread into self time.

    Returns disjoint pieces and, for each, the index of the innermost interval that covers it.
    An interval that overlaps its parent's end without nesting is cut at that end.
    """
    order = np.lexsort((-spans.end, spans.start))
    pieces: list[tuple[int, int, int]] = []
    stack: list[tuple[int, int]] = []  # (end, index) of the open intervals, outermost first
    cursor = 0

    def close_until(time: int) -> None:
        nonlocal cursor
        while stack and stack[-1][0] <= time:
            end, index = stack.pop()
            if end > cursor:
                pieces.append((cursor, end, index))
                cursor = end

    for index in order.tolist():
        start, end = int(spans.start[index]), int(spans.end[index])
        close_until(start)
        if stack:
            if start > cursor:
                pieces.append((cursor, start, stack[-1][1]))
        cursor = max(cursor, start) if stack else start
        stack.append((end, index))
    close_until(int(spans.end.max()) if len(spans.end) else 0)
    table = np.array(pieces, np.int64).reshape(-1, 3)
    return Intervals(table[:, 0], table[:, 1]), table[:, 2]


def length_before(spans: Intervals, times: Int64Array) -> Int64Array:
    """How much of a set lies before each of some times."""
    lengths = np.concatenate(([0], np.cumsum(spans.end - spans.start)))
    place = np.searchsorted(spans.start, times, side="right")
    ends = np.append(spans.end, times.min(initial=0))  # the last one is of none, at place 0
    return lengths[place] - np.maximum(ends[place - 1] - times, 0)
