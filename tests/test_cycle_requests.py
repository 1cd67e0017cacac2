"""Turns of loops become requests: of which loop, from where to where, in which phase."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.cycle_requests import LONG_COLD_NS, Turns, cut
from infprof.profiler.model_cycles import FIRST
from infprof.profiler.phase import Phase

COLD, WARMUP, PLAIN, TRACED = (int(phase) for phase in Phase)
Row = tuple[int, int, int, int]
"""time, depth, thread, size."""


def turns(rows: list[Row]) -> Turns:
    table = np.array(sorted(rows), np.int64).reshape(-1, 4)
    return Turns(table[:, 0], table[:, 2], table[:, 1], table[:, 3])


def loop(times: list[int], depth: int = 5, thread: int = 1) -> list[Row]:
    """A first call, then turns at each further time."""
    return [(time, FIRST if n == 0 else depth, thread, 4) for n, time in enumerate(times)]


def nested(outer: int, inner: int, step: int, work: int, grows: bool = False) -> list[Row]:
    """An outer loop at depth 3 around an inner one at depth 5, with ``work`` between its turns."""
    rows, time = list[Row](), 0
    for turn in range(outer + 1):
        for number in range(inner):
            depth = 5 if number else 3 if turn else FIRST
            rows.append((time, depth, 1, 8 + number if grows else 8))
            time += step
        time += work
    return rows


def test_nothing_and_a_single_call() -> None:
    assert cut(turns([]), 3, []) == []
    assert cut(turns(loop([5])), 3, []) == []


def test_each_turn_ends_where_the_next_begins() -> None:
    rows = cut(turns(loop([0, 10, 30, 60])), 0, [])
    assert rows == [(0, 10, 1, PLAIN), (10, 30, 1, PLAIN), (30, 60, 1, PLAIN)]


def test_epochs_around_a_loop_are_no_requests() -> None:
    rows = cut(turns(nested(outer=4, inner=20, step=100, work=0)), 0, [])
    assert {end - start for start, end, *_ in rows} == {100}
    assert len(rows) == 5 * 19  # the last of each epoch ends in the next


def test_a_prompt_with_work_of_its_own_around_its_steps_is_a_request() -> None:
    made = nested(outer=5, inner=8, step=100, work=200)
    rows = cut(turns(made), 0, [])
    assert [(start, end) for start, end, *_ in rows] == [
        (i * 1000, i * 1000 + 1000) for i in range(5)
    ]


def test_little_work_around_does_not_make_one() -> None:
    rows = cut(turns(nested(outer=5, inner=8, step=100, work=40)), 0, [])
    assert {end - start for start, end, *_ in rows} == {100}


def test_two_calls_in_each_turn_of_a_loop_that_works_around_them() -> None:
    """The only step of the inner loop is from the turn's first call to its second."""
    rows = cut(turns(nested(outer=5, inner=2, step=100, work=300)), 0, [])
    assert [(start, end) for start, end, *_ in rows] == [(i * 500, i * 500 + 500) for i in range(5)]
    rows = cut(turns(nested(outer=5, inner=2, step=100, work=0)), 0, [])
    assert {end - start for start, end, *_ in rows} == {100}


def test_two_turns_of_an_outer_loop_say_nothing() -> None:
    rows = cut(turns(nested(outer=2, inner=8, step=100, work=400)), 0, [])
    assert {end - start for start, end, *_ in rows} == {100}


def test_a_sequence_that_grows_is_one_request() -> None:
    rows = cut(turns(nested(outer=5, inner=6, step=100, work=0, grows=True)), 0, [])
    assert {end - start for start, end, *_ in rows} == {600} and len(rows) == 5
    rows = cut(turns(nested(outer=5, inner=3, step=100, work=0, grows=True)), 0, [])
    assert {end - start for start, end, *_ in rows} == {100}  # too short to tell


def test_a_deeper_warm_up_before_the_loop() -> None:
    rows = [(0, FIRST, 1, 4), (10, 9, 1, 4), (20, 9, 1, 4)]
    rows += [(100 * turn, 4, 1, 4) for turn in range(1, 9)]
    found = cut(turns(rows), 0, [])
    assert [(start, end) for start, end, *_ in found][-7:] == [
        (100 * turn, 100 * turn + 100) for turn in range(1, 8)
    ]


def test_threads_are_cut_apart_and_listed_in_order() -> None:
    rows = cut(turns(loop([0, 10, 20]) + loop([5, 15, 25], thread=2)), 0, [])
    assert [row[:3] for row in rows] == [(0, 10, 1), (5, 15, 2), (10, 20, 1), (15, 25, 2)]


def phases(times: list[int], warmup: int, windows: list[tuple[int, int]]) -> list[int]:
    return [row[3] for row in cut(turns(loop(times)), warmup, windows)]


def test_phases_of_warm_up_and_windows() -> None:
    times = list(range(0, 100, 10))
    assert phases(times, 3, []) == [COLD, WARMUP, WARMUP, *[PLAIN] * 6]
    assert phases(times, 1, [(40, 60)]) == [COLD, *[PLAIN] * 3, TRACED, TRACED, *[PLAIN] * 3]
    assert phases(times, 0, [(45, 70)]) == [*[PLAIN] * 4, WARMUP, TRACED, TRACED, *[PLAIN] * 2]
    assert phases(times, 0, [(41, 42)])[4] == WARMUP


def test_a_long_first_request_is_all_the_warm_up() -> None:
    first = LONG_COLD_NS
    assert phases([0, first, first + 10, first + 20], 3, []) == [COLD, PLAIN, PLAIN]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.one_of(st.integers(0, 4), st.just(FIRST)),
        st.integers(1, 3),
        st.integers(-1, 9),
    ),
    max_size=60,
    unique_by=lambda row: (row[0], row[2]),
)
WINDOWS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=3)


@given(ROWS, st.integers(0, 4), WINDOWS)
def test_requests_of_a_thread_never_overlap_and_lie_between_turns(
    rows: list[Row], warmup: int, windows: list[tuple[int, int]]
) -> None:
    found = cut(turns(rows), warmup, windows)
    assert found == sorted(found)
    places = {(time, thread) for time, _, thread, _ in rows}
    for start, end, thread, _ in found:
        assert start < end and {(start, thread), (end, thread)} <= places
    for thread in {row[2] for row in found}:
        mine = [row[:2] for row in found if row[2] == thread]
        assert all(a[1] <= b[0] for a, b in zip(mine[:-1], mine[1:], strict=True))
    assert [row[3] for row in found[:warmup]].count(PLAIN) in (0, max(0, warmup - 1))
