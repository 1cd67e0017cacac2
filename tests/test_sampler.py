"""The sampler's budget of memory and time, with clocks moved by hand."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

import pytest

from infprof.profiler.probes.rates import Rates
from infprof.profiler.probes.sampler import Ended, Points, Sampler, collected
from infprof.profiler.recording import Series


class Clock:
    """Stands still until it is waited on; ends the sampler's loop at ``end_ns``."""

    def __init__(self, end_ns: int = 0) -> None:
        self.ns, self.end_ns = 0, end_ns

    def now(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> bool:
        self.ns += round(seconds * 1e9)
        return self.ns >= self.end_ns


def series(name: str) -> Series:
    return Series(name=name, source="test", unit="1")


def test_ticks_come_at_the_interval_and_late_ones_are_skipped() -> None:
    clock = Clock(end_ns=1000)

    def read(time_ns: int) -> dict[str, float]:
        if time_ns == 300:
            clock.ns += 250  # this read takes so long that two ticks are missed
        return {"a": 1.0}

    sampler = Sampler("t", 100, read, now=clock.now, cost=lambda: 0, wait=clock.wait)
    sampler.start()
    assert sampler.stop()
    times = [time_ns for _, time_ns, _ in sampler.points.rows()]
    assert times == [0, 100, 200, 300, 600, 700, 800, 900]


def test_ended_is_quiet_and_keeps_what_was_seen() -> None:
    answers = iter([{"a": 1.0}])

    def read(time_ns: int) -> dict[str, float]:
        for answer in answers:
            return answer
        raise Ended("gone")

    sampler = Sampler("t", 100, read)
    assert sampler.tick() and not sampler.tick()
    assert sampler.failure is None and len(sampler.points) == 1


def test_a_failure_stays_in_the_thread_and_is_described() -> None:
    def read(time_ns: int) -> dict[str, float]:
        raise ZeroDivisionError("oh")

    sampler = Sampler("t", 100, read)
    sampler.start()
    assert sampler.stop()
    assert sampler.failure == "ZeroDivisionError: oh"


def test_a_read_that_hangs_is_left_behind_and_adds_nothing() -> None:
    inside, go = threading.Event(), threading.Event()

    def read(time_ns: int) -> dict[str, float]:
        inside.set()
        go.wait(10)
        return {"a": 1.0}

    sampler = Sampler("t", 100, read)
    sampler.start()
    assert inside.wait(10)
    assert not sampler.stop(timeout_s=0.01)
    go.set()
    assert sampler.stop(timeout_s=10)
    assert len(sampler.points) == 0


def test_the_thread_does_not_keep_the_interpreter_alive() -> None:
    sampler: Sampler[str] = Sampler("infprof-x", 100, lambda time_ns: {})
    assert sampler._thread.daemon and sampler._thread.name == "infprof-x"
    assert sampler.stop()  # never started


def test_memory_is_bounded_and_every_series_loses_alike() -> None:
    sampler = Sampler("t", 100, lambda time_ns: {"a": 1.0, "b": 2.0}, capacity=20, now=Clock().now)
    clock = iter(range(10_000))
    sampler._now = lambda: next(clock)
    for _ in range(100):
        assert sampler.tick()
        assert len(sampler.points) < 20
    rows = list(sampler.points.rows())
    assert [row[0] for row in rows] == ["a", "b"] * (len(rows) // 2)
    assert rows[0][1] == 0
    assert sampler.interval_ns > 100


def test_reading_that_costs_too_much_is_done_less_often() -> None:
    spent = 0

    def cost() -> int:
        nonlocal spent
        spent += 6  # per call, so each read seems to cost 6 of 100 ns
        return spent

    sampler: Sampler[str] = Sampler("t", 100, lambda time_ns: {}, cost=cost)
    for _ in range(19):
        sampler.tick()
    assert sampler.interval_ns == 100
    sampler.tick()
    assert sampler.interval_ns == 200
    for _ in range(100):
        sampler.tick()
    assert sampler.interval_ns == 200  # 3 % of the time is fine
    assert sampler.cost_ns == 120 * 6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_nan_is_kept(value: float) -> None:
    points: Points[str] = Points()
    points.add(1, {"a": value, "b": 3.0})
    assert list(points.rows()) == [("b", 1, 3.0)]


def test_collected_joins_samplers_and_leaves_out_empty_series() -> None:
    def sampler(values: Mapping[str, float], time_ns: int) -> Sampler[str]:
        made: Sampler[str] = Sampler("t", 100, lambda _: values, now=lambda: time_ns)
        made.tick()
        return made

    found, points = collected(
        [sampler({"a": 1.0}, 5), sampler({}, 6), sampler({"b": 2.0, "a": 3.0}, 7)], series
    )
    assert [one.name for one in found] == ["a", "b"]
    assert points == [(0, 5, 1.0), (1, 7, 2.0), (0, 7, 3.0)]


def test_rates_count_only_owners_seen_both_times() -> None:
    rates: Rates[str] = Rates()
    assert rates(0, {("cpu", 1): 100.0, ("cpu", 2): 50.0}) == {}
    # 2 ended, 3 is new: neither a fall nor a jump
    assert rates(2_000_000_000, {("cpu", 1): 110.0, ("cpu", 3): 900.0}) == {"cpu": 5.0}
    # 1 was reset; what is known of 3 alone remains
    assert rates(3_000_000_000, {("cpu", 1): 1.0, ("cpu", 3): 901.0}) == {"cpu": 1.0}
    assert rates(4_000_000_000, {("io", 1): 1.0}) == {}
    assert rates(4_000_000_000, {("io", 1): 2.0}) == {}  # no time went by
