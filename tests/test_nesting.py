"""Which operator lies in which, against a plain search through all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.events import Events, EventsBuilder, Kind
from infprof.profiler.nesting import encloses, holds_another, innermost_at
from tests.build import timeline

Span = tuple[int, int, int]


@st.composite
def nested(draw: st.DrawFn) -> list[Span]:
    """(lane, start, end) of properly nested spans on a few threads."""
    spans: list[Span] = []

    def fill(lane: int, start: int, end: int, depth: int) -> None:
        cuts = draw(st.lists(st.integers(start, end), max_size=6, unique=True))
        for low, high in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False):
            spans.append((lane, low, high))
            if depth and high - low > 2:
                fill(lane, low, high, depth - 1)

    for lane in range(draw(st.integers(1, 3))):
        fill(lane, 0, 400, 3)
    return spans


def events_of(spans: list[Span]) -> Events:
    builder = EventsBuilder()
    for lane, start, end in spans:
        builder.add(Kind.OP, lane, "op", start, end)
    return builder.build()


@given(nested(), st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 405)), max_size=20))
def test_the_innermost_is_the_shortest_that_covers(
    spans: list[Span], asked: list[tuple[int, int]]
) -> None:
    events = events_of(spans)
    lanes = np.array([lane for lane, _ in asked], np.int32)
    times = np.array([time for _, time in asked], np.int64)
    found = innermost_at(events, np.arange(len(events)), lanes, times)
    for (lane, time), row in zip(asked, found.tolist(), strict=True):
        lengths = [end - start for its, start, end in spans if its == lane and start <= time < end]
        if not lengths:
            assert row == -1
        else:
            assert events.lane[row] == lane
            assert events.start_ns[row] <= time < events.end_ns[row]
            assert events.end_ns[row] - events.start_ns[row] == min(lengths)


@given(nested())
def test_who_holds_another(spans: list[Span]) -> None:
    events = events_of(spans)
    found = holds_another(events, np.arange(len(events)))
    for row, answer in enumerate(found.tolist()):
        mine = int(events.lane[row]), int(events.start_ns[row]), int(events.end_ns[row])
        inside = [
            other
            for other in spans
            if other != mine and other[0] == mine[0]
            and mine[1] <= other[1] < mine[2] and other[2] <= mine[2]
        ]  # fmt: skip
        assert answer == bool(inside) or spans.count(mine) > 1


def test_whole_microseconds_may_spoil_the_nesting() -> None:
    """The inner one ends 1 us after the outer one, the next one begins 1 us before that."""
    events = timeline("main: 0-10 op outer | main: 4-11 op inner | main: 10-20 op next").events
    assert holds_another(events, np.arange(3)).tolist() == [True, False, False]
    lanes, times = np.zeros(3, np.int32), np.array([5_000, 9_500, 15_000])
    assert innermost_at(events, np.arange(3), lanes, times).tolist() == [1, 1, 2]


def test_without_any_rows_nothing_covers() -> None:
    events = timeline("main: 0-10 op outer").events
    none = np.array([], np.intp)
    found = innermost_at(events, none, np.zeros(1, np.int32), np.array([5_000]))
    assert found.tolist() == [-1]
    assert holds_another(events, none).tolist() == []


def test_begins_inside_on_the_same_thread_only() -> None:
    events = timeline("main: 0-10 op a | main: 4-5 op b | t2: 20-30 op c | main: 21-22 op d").events
    found = encloses(events, np.array([0, 2]), np.array([1, 3]))
    assert found.tolist() == [True, False]
