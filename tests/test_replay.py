"""A replay predicts what a simulated machine does when one thing changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.events import Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.replay import Change, Replay
from tests.random_programs import Step, random_program, with_times
from tests.simulated_machine import API, Run, Scales, run
from tests.test_critical_path import PROGRAMS, RANDOM, of_seed


def replay_of(ran: Run) -> Replay:
    (request,) = ran.timeline.requests
    paths = CriticalPaths(ran.timeline)
    return Replay(paths.waits, request, paths.helpers.of(request))


def scaled(ran: Run, kernel: float = 1.0, copy: float = 1.0) -> Change:
    """Device work that takes a part of its time."""
    links, events = CriticalPaths(ran.timeline).links, ran.timeline.events
    is_copy = events.kind[links.rows] == Kind.COPY
    return Change(((links.end - links.start) * np.where(is_copy, copy, kernel)).astype(np.int64))


def without_work(ran: Run, part: float) -> Change:
    """Host ops that take so much less, each on its thread."""
    events, rows = ran.timeline.events, ran.timeline.by_kind[Kind.OP]
    start, end, lane = (one[rows] for one in (events.start_ns, events.end_ns, events.lane))
    start = end - ((end - start) * part).astype(np.int64)
    return Change(
        removed_on={one: Intervals(start[lane == one], end[lane == one]) for one in set(lane)}
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, st.booleans())
def test_an_unchanged_replay_gives_the_recorded_wall(program: list[Step], told: bool) -> None:
    ran = run(program, told=told)
    assert replay_of(ran).wall_ns() == ran.wall_ns


def test_it_does_so_for_a_thousand_random_programs() -> None:
    for seed in RANDOM:
        ran = of_seed(seed)
        assert replay_of(ran).wall_ns() == ran.wall_ns


@cache
def without_events(seed: int) -> tuple[list[Step], Run, Replay]:
    """A random program whose streams do not wait for each other."""
    program = random_program(seed, events=False)
    ran = run(program)
    return program, ran, replay_of(ran)


def share_right(
    change: Callable[[Run], Change], truth: Callable[[list[Step]], int], seeds: range = RANDOM
) -> float:
    """Of random programs, how many are predicted to within 2 % of what the machine then does."""
    right = []
    for seed in seeds:
        program, ran, replay = without_events(seed)
        wall = truth(program)
        right.append(abs(replay.wall_ns(change(ran)) - wall) <= 0.02 * wall)
    return sum(right) / len(right)


@pytest.mark.parametrize(("kernel", "copy"), [(0.5, 1.0), (1.0, 0.25), (2.0, 1.0), (0.7, 0.5)])
def test_faster_and_slower_device_work(kernel: float, copy: float) -> None:
    assert (
        share_right(
            lambda ran: scaled(ran, kernel, copy),
            lambda program: run(program, Scales(kernel=kernel, copy=copy)).wall_ns,
        )
        >= 0.98
    )


@pytest.mark.parametrize(("kernel", "copy"), [(0.5, 1.0), (1.0, 0.25)])
def test_times_that_vary_from_run_to_run(kernel: float, copy: float) -> None:
    """Each run draws all its durations anew, within 5 %."""
    right = []
    for seed in RANDOM:
        rng = random.Random(seed)
        seen, after = (varied(random_program(seed, events=False), rng) for _ in range(2))
        ran, wall = run(seen), run(after, Scales(kernel=kernel, copy=copy)).wall_ns
        predicted = replay_of(ran).wall_ns(scaled(ran, kernel, copy))
        right.append(abs(predicted - wall) <= 0.05 * wall)
    assert sum(right) / len(right) >= 0.98


def varied(program: list[Step], rng: random.Random) -> list[Step]:
    return with_times(program, lambda _: rng.uniform(0.95, 1.05))


def test_less_work_on_the_host() -> None:
    def shorter(program: list[Step]) -> int:
        return run(with_times(program, lambda one: 0.2 if one.do == "work" else 1.0)).wall_ns

    right = share_right(lambda ran: without_work(ran, 0.8), shorter)
    assert right >= 0.98


def region_of(rng: random.Random, kernel_ns: int) -> list[Step]:
    """What a model does: host work and kernels of one stream."""
    kernels = [Step("kernel", 0, kernel_ns)] * rng.randint(5, 30)
    works = [Step("work", time_ns=round(10 ** rng.uniform(3, 5))) for _ in kernels]
    return [one for pair in zip(works, kernels, strict=True) for one in pair]


@pytest.mark.parametrize("varies", [False, True])
def test_a_region_as_one_launch_of_a_graph(varies: bool) -> None:
    """With the host's time in it gone but for a launch, kernels follow each other as in a graph."""
    right = 0
    for seed in range(100):
        rng = random.Random(seed)
        before, after = (random_program(rng.randrange(1000), events=False) for _ in range(2))
        kernel_ns = round(10 ** rng.uniform(3, 5))
        region = region_of(rng, kernel_ns)
        graph = Step("graph", 0, kernel_ns, sum(one.do == "kernel" for one in region))
        parts, truth = [before, region, after], [*before, graph, *after]
        if varies:
            parts, truth = [varied(part, rng) for part in parts], varied(truth, rng)
        begin, end = (run(sum(parts[:count], [])).wall_ns for count in (1, 2))
        without = Change(host_removed=Intervals(*np.array([[begin + API], [end]])))
        predicted = replay_of(run(sum(parts, []))).wall_ns(without)
        wall = run(truth).wall_ns
        right += abs(predicted - wall) <= (0.05 if varies else 0.02) * wall
    assert right >= 98


def test_a_graph_of_long_kernels_saves_nothing() -> None:
    steps = [Step("work", time_ns=10_000), Step("kernel", 0, 100_000)] * 20
    ran = run([*steps, Step("sync")])
    begin, end = 13_000, run(steps).wall_ns  # the first launch stays
    removed = Change(host_removed=Intervals(*np.array([[begin], [end]])))
    assert replay_of(ran).wall_ns(removed) == ran.wall_ns


def test_a_hidden_copy_costs_nothing() -> None:
    program = [Step("copy", 1, 20_000), Step("kernel", 0, 400_000), Step("sync", other=-1)]
    ran = run(program)
    assert replay_of(ran).wall_ns(scaled(ran, copy=0.1)) == ran.wall_ns


def test_faster_kernels_in_a_launch_bound_program_save_nothing() -> None:
    steps = [Step("work", time_ns=30_000), Step("kernel", 0, 8_000)] * 50
    ran = run([*steps, Step("work", time_ns=50_000), Step("sync")])
    assert replay_of(ran).wall_ns(scaled(ran, kernel=0.5)) == ran.wall_ns
