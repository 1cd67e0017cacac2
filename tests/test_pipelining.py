"""Two stages on two threads: what is predicted from one serial run, and what machines then do."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.intervals import Intervals
from infprof.profiler.pipelining import LEAST_CORES, Pace, Stage, mean_ns, pipelined
from infprof.profiler.replay import Change, Replay
from tests.random_programs import Step, random_program
from tests.simulated_machine import Run, run
from tests.test_replay import varied

FLOW = 40
QUEUE = 2
"""Inputs that may be ready before they are needed."""


def flow_ns(moved: Sequence[int], rest: Sequence[int]) -> float:
    """What each request takes where neither thread slows the other."""
    ready, begun, done = [0] * len(moved), [0] * len(moved), 0
    for number, (before, after) in enumerate(zip(moved, rest, strict=True)):
        room = begun[number - QUEUE] if number >= QUEUE else 0
        ready[number] = max(ready[number - 1] if number else 0, room) + before
        begun[number] = max(done, ready[number])
        done = begun[number] + after
    return done / len(moved)


def without_first(ran: Run, until_ns: int) -> int:
    """The wall without the host's time up to then."""
    (request,) = ran.timeline.requests
    gone = Intervals(*np.array([[0], [until_ns]]))
    return Replay(CriticalPaths(ran.timeline).waits, request).wall_ns(Change(host_removed=gone))


@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_on_cores_enough_as_a_machine_with_two_threads(varies: bool, within: float) -> None:
    right = 0
    for seed in range(40):
        rng = random.Random(seed)
        stage = [Step("work", time_ns=rng.randint(20_000, 1_000_000))] * 6
        rest = random_program(rng.randrange(1000), events=False, threads=False)
        requests = [
            [varied(one, rng) if varies else one for one in (stage, rest)] for _ in range(FLOW)
        ]
        truth = flow_ns(
            [run(one).wall_ns for one, _ in requests], [run(one).wall_ns for _, one in requests]
        )
        seen = [varied(one, rng) if varies else one for one in (stage, rest)]
        ran, moved = run([*seen[0], *seen[1]]), run(seen[0]).wall_ns
        left = without_first(ran, moved)
        pace = pipelined(Stage(moved, moved), Stage(left, left), ran.wall_ns, cores=2.0)
        assert pace is not None and pace.best_ns == pace.worst_ns
        predicted = mean_ns(pace.best_ns, ran.wall_ns, FLOW)
        right += abs(predicted - truth) <= within * truth
    assert right >= 39


def shared_ns(moved: list[tuple[bool, int]], rest: list[tuple[bool, int]], cores: float) -> float:
    """What each of many requests takes on two threads that share ``cores``: (computes, ns) parts,
    gone through in turn. Of two that compute, each advances at half of the cores."""
    todo, left = [list(moved), list(rest)], [0.0, 0.0]
    made = used = 0
    now, running = 0.0, [False, False]
    for thread in (0, 1):
        left[thread] = float(todo[thread][0][1])
    running[0] = True
    while used < FLOW:
        computing = [running[one] and todo[one][0][0] for one in (0, 1)]
        rate = [min(cores / 2, 1.0) if all(computing) else 1.0] * 2
        rate = [one if computing[thread] else 1.0 for thread, one in enumerate(rate)]
        step = min(left[one] / rate[one] for one in (0, 1) if running[one])
        now += step
        for one in (0, 1):
            if running[one]:
                left[one] -= step * rate[one]
                if left[one] < 1e-6:
                    todo[one].pop(0)
                    if not todo[one]:
                        made, used = (made + 1, used) if one == 0 else (made, used + 1)
                        todo[one], running[one] = list((moved, rest)[one]), False
                    left[one] = float(todo[one][0][1])
        running[0] = running[0] or made - used < QUEUE
        running[1] = running[1] or made > used
    return now / FLOW


def stage_of(parts: list[tuple[bool, int]]) -> Stage:
    return Stage(sum(time for _, time in parts), sum(time for works, time in parts if works))


def test_on_few_cores_the_truth_lies_between() -> None:
    within, narrow = 0, 0
    for seed in range(200):
        rng = random.Random(seed)
        moved, rest = (
            [(rng.random() < 0.6, rng.randint(1_000, 100_000)) for _ in range(rng.randint(1, 6))]
            for _ in range(2)
        )
        cores = rng.uniform(LEAST_CORES, 2.0)
        stages = stage_of(moved), stage_of(rest)
        serial = sum(one.wall_ns for one in stages)
        pace = pipelined(*stages, serial, cores)
        assert pace is not None
        low, high = (mean_ns(one, serial, FLOW) for one in (pace.best_ns, pace.worst_ns))
        truth = shared_ns(moved, rest, cores)
        within += 0.98 * low <= truth <= 1.02 * high
        narrow += high <= 1.3 * low
    assert within == 200 and narrow >= 150


def test_reading_beside_computing_needs_no_second_core() -> None:
    pace = pipelined(Stage(400, 0), Stage(600, 600), 1_000, cores=LEAST_CORES)
    assert pace == Pace(600, 600)


def test_a_lone_request_takes_as_long_as_before() -> None:
    assert mean_ns(600, 1_000, in_a_row=1) == 1_000


@pytest.mark.parametrize("cores", [None, 1.0, 1.29])
def test_refused_where_threads_take_turns_or_nobody_knows(cores: float | None) -> None:
    assert pipelined(Stage(400, 400), Stage(600, 600), 1_000, cores) is None


def test_operators_on_all_cores_leave_none() -> None:
    """Four threads on four cores: what is moved beside them takes its time from theirs."""
    pace = pipelined(Stage(100, 100), Stage(900, 900, threads=4), 1_000, cores=4.0)
    assert pace == Pace(925, 925)
