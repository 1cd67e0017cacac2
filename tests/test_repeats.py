"""Repeats grow until the clock's noise counts for nothing, and end in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.clock import now_ns
from infprof.profiler.repeats import FEWEST, LONG_ENOUGH_NS, MOST, Times, collect, repeat

FAR = 2**62
"""A time that does not come."""


@given(st.floats(0.01, 1e9), st.floats(0, 1e6))
def test_work_of_any_length_is_measured_by_long_repeats(each_ns: float, fixed_ns: float) -> None:
    counts: list[int] = []

    def work(count: int) -> float:
        counts.append(count)
        return fixed_ns + count * each_ns

    times = repeat(work, FAR)
    assert len(times.each_ns) == MOST and len(set(counts[-MOST:])) == 1
    assert fixed_ns + counts[-1] * each_ns >= LONG_ENOUGH_NS
    assert times.best_ns == times.median_ns and times.spread == 0
    assert counts[0] == 1 and len(counts) <= MOST + 30  # 2 ** 28 times 0.01 ns is over 2 ms


def test_when_the_time_is_up_repeats_are_few_but_there_are_some() -> None:
    counts: list[int] = []

    def work(count: int) -> float:
        counts.append(count)
        return 1.0

    assert repeat(work, now_ns()).each_ns == (1.0,) * FEWEST
    assert counts == [1] * (1 + FEWEST)


def test_what_disturbs_a_repeat_is_in_the_spread_and_not_in_the_best() -> None:
    times = Times((10.0, 12.0, 30.0))
    assert (times.best_ns, times.median_ns) == (10.0, 12.0)
    assert round(times.spread, 6) == 0.2
    assert Times((0.0, 0.0, 1.0)).spread == 0.0


def test_collecting_takes_what_it_is_told() -> None:
    told = iter([3.0, 1.0, 2.0, 9.0])
    assert collect(lambda: next(told), now_ns()).each_ns == (3.0, 1.0, 2.0)
