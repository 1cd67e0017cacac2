"""The algebra of intervals against brute force over single nanoseconds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.intervals import (
    Intervals,
    clip,
    gaps,
    innermost,
    intersect,
    intervals,
    length,
    subtract,
    union,
)

TIMES = st.integers(0, 40)
SPANS = st.lists(st.tuples(TIMES, TIMES), max_size=12).map(
    lambda pairs: intervals([a for a, _ in pairs], [b for _, b in pairs])
)


def points(spans: Intervals) -> set[int]:
    pairs = zip(spans.start.tolist(), spans.end.tolist(), strict=True)
    return {point for start, end in pairs for point in range(start, end)}


def is_a_set(spans: Intervals) -> bool:
    ordered = bool(np.all(spans.start[1:] > spans.end[:-1]))
    return ordered and bool(np.all(spans.end > spans.start))


@given(SPANS)
def test_union(spans: Intervals) -> None:
    merged = union(spans)
    assert is_a_set(merged)
    assert points(merged) == points(spans)
    assert length(merged) == len(points(spans))


@given(SPANS, SPANS)
def test_intersect_and_subtract(a: Intervals, b: Intervals) -> None:
    left, right = union(a), union(b)
    assert points(intersect(left, right)) == points(a) & points(b)
    assert points(subtract(left, right)) == points(a) - points(b)
    assert length(intersect(left, right)) + length(subtract(left, right)) == length(left)


@given(SPANS, TIMES, TIMES)
def test_clip(spans: Intervals, low: int, high: int) -> None:
    assert points(clip(spans, low, high)) == points(spans) & set(range(low, high))


@given(SPANS, st.integers(0, 10))
def test_gaps_are_the_short_holes(spans: Intervals, at_most: int) -> None:
    merged = union(spans)
    holes = gaps(merged, at_most)
    assert not points(holes) & points(merged)
    assert all(end - start <= at_most for start, end in zip(*holes, strict=True))


@st.composite
def nested(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Properly nested intervals: each new one lies inside an earlier one or after all."""
    found: list[tuple[int, int]] = []

    def fill(low: int, high: int, depth: int) -> None:
        cursor = low
        while cursor < high and depth < 4 and draw(st.booleans()):
            start = draw(st.integers(cursor, high - 1))
            end = draw(st.integers(start + 1, high))
            found.append((start, end))
            fill(start, end, depth + 1)
            cursor = end

    fill(0, 40, 0)
    return found


@given(nested())
def test_innermost_gives_each_point_to_the_shortest_cover(pairs: list[tuple[int, int]]) -> None:
    spans = intervals([a for a, _ in pairs], [b for _, b in pairs])
    pieces, owner = innermost(spans)
    covered = [
        (point, pairs[int(index)])
        for start, end, index in zip(*pieces, owner, strict=True)
        for point in range(start, end)
    ]
    assert len(covered) == len({point for point, _ in covered}) == len(points(spans))
    for point, (start, end) in covered:
        shortest = min(b - a for a, b in pairs if a <= point < b)
        assert start <= point < end
        assert end - start == shortest


def test_innermost_of_overlapping_intervals_stays_disjoint() -> None:
    pieces, owner = innermost(intervals([0, 5], [10, 15]))
    assert list(zip(*pieces, owner, strict=True)) == [(0, 5, 0), (5, 15, 1)]
