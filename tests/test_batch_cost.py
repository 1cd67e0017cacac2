"""Batches, on paper, take what they take on a machine that makes them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from infprof.profiler.batch_cost import batch_cost, batched
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.intervals import Intervals
from infprof.profiler.replay import Change
from tests.random_programs import Step, random_program
from tests.simulated_machine import Run, run
from tests.test_replay import replay_of, varied

SIZES = (2, 4, 8, 16)


def test_a_line_through_measured_times() -> None:
    """Rounded times of T(B) = 4.69 + 0.4425 B ms."""
    cost = batch_cost(np.array([1, 2, 4, 2, 8]), np.array([5_100, 5_600, 6_500, 5_600, 8_200]))
    assert cost is not None and cost.time_ns(2) == 5_600
    assert cost.time_ns(6) == pytest.approx(4_690 + 6 * 442.5, rel=0.01)
    assert cost.time_ns(9) is None and cost.time_ns(0) is None


@pytest.mark.parametrize(
    ("sizes", "times"),
    [
        pytest.param([1, 4, 4], [100, 200, 200], id="two sizes"),
        pytest.param([], [], id="nothing"),
        pytest.param([1, 2, 4], [100, 300, 310], id="no line"),
        pytest.param([1, 2, 4], [300, 200, 100], id="falling"),
        pytest.param([1, 2, 4], [100, 220, 460], id="more than in proportion"),
    ],
)
def test_refused(sizes: list[int], times: list[int]) -> None:
    assert batch_cost(np.array(sizes, np.int64), np.array(times, np.int64)) is None


def forward(rng: random.Random) -> list[tuple[int, int, int]]:
    """Layers: the host's time, a kernel's fixed time, and its time for each item."""
    return [
        (rng.randint(2_000, 30_000), rng.randint(2_000, 60_000), rng.randint(0, 20_000))
        for _ in range(rng.randint(3, 12))
    ]


def one_pass(layers: list[tuple[int, int, int]], size: int) -> list[Step]:
    steps = []
    for host, fixed, item in layers:
        steps += [Step("work", time_ns=host), Step("kernel", 0, fixed + item * size)]
    return [*steps, Step("sync")]


def spans_of(parts: list[list[Step]]) -> list[tuple[int, int]]:
    """When each part of a program runs."""
    ends = [run(sum(parts[: number + 1], [])).wall_ns for number in range(len(parts))]
    return list(zip([0, *ends], ends, strict=False))


Spans = list[tuple[int, int]]


def on_paper(ran: Run, gone: Spans, stays: Spans, longer_ns: int) -> Change:
    first, last = (
        Intervals(*np.array(spans, np.int64).reshape(-1, 2).T) for spans in (gone, stays)
    )
    return batched(CriticalPaths(ran.timeline).waits, first, last, longer_ns)


@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_as_a_machine_that_runs_one_batch(varies: bool, within: float) -> None:
    right, fitted = 0, 0
    for seed in range(60):
        rng = random.Random(seed)
        layers, number = forward(rng), rng.choice(SIZES)
        before, after = (random_program(rng.randrange(1000), events=False) for _ in range(2))
        measured = [one_pass(layers, size) for size in SIZES]
        parts = [before, *measured, *[one_pass(layers, 1)] * number, after]
        truth = sum([before, *measured, one_pass(layers, number), after], [])
        if varies:
            parts, truth = [varied(part, rng) for part in parts], varied(truth, rng)
        spans = spans_of(parts)[1:-1]
        sizes = np.array([*SIZES, *[1] * number])
        cost = batch_cost(sizes, np.array([end - begin for begin, end in spans]))
        if cost is None:
            continue
        single, batch = cost.time_ns(1), cost.time_ns(number)
        assert single is not None and batch is not None
        ran, singles = run(sum(parts, [])), spans[len(SIZES) :]
        change = on_paper(ran, singles[:-1], singles[-1:], batch - single)
        wall = run(truth).wall_ns
        fitted += 1
        right += abs(replay_of(ran).wall_ns(change) - wall) <= within * wall
    assert fitted >= 40 and right >= 0.98 * fitted


def test_passes_behind_other_work_save_nothing() -> None:
    long = [Step("kernel", 1, 9_000_000)]
    one = [Step("work", time_ns=9_000), Step("kernel", 0, 9_000)]
    (first, *others) = spans_of([long, *[one] * 8])
    ran = run([*long, *one * 8, Step("sync", other=-1)])
    change = on_paper(ran, others[:-1], others[-1:], 20_000)
    assert first[1] == others[0][0] and replay_of(ran).wall_ns(change) == ran.wall_ns
