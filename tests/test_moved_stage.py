"""A stage that the device does, on paper, takes what it takes on a machine whose device does it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.intervals import Intervals
from infprof.profiler.moved_stage import moved_to_device
from infprof.profiler.replay import Change
from tests.random_programs import Step, random_program
from tests.simulated_machine import Run, run
from tests.test_replay import replay_of, varied


def moved(ran: Run, spans: list[tuple[int, int]], device_ns: int) -> Change:
    links = CriticalPaths(ran.timeline).links
    return moved_to_device(links, Intervals(*np.array(spans, np.int64).T), device_ns)


@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_as_a_machine_whose_device_does_it(varies: bool, within: float) -> None:
    right = 0
    for seed in range(100):
        rng = random.Random(seed)
        before, after = (random_program(rng.randrange(1000), events=False) for _ in range(2))
        host_ns, device_ns = rng.randint(200_000, 3_000_000), rng.randint(1_000, 100_000)
        upload = Step("copy", 0, rng.randint(5_000, 200_000))
        parts = [before, [Step("work", time_ns=host_ns)], [upload], after]
        truth = [*before, upload, Step("kernel", 0, device_ns), *after]
        if varies:
            parts, truth = [varied(part, rng) for part in parts], varied(truth, rng)
        begin = run(parts[0]).wall_ns
        ran = run(sum(parts, []))
        change = moved(ran, [(begin, begin + parts[1][0].time_ns)], device_ns)
        wall = run(truth).wall_ns
        right += abs(replay_of(ran).wall_ns(change) - wall) <= within * wall
    assert right >= 98


def test_a_stage_behind_the_device_saves_nothing() -> None:
    steps = [Step("kernel", 0, 900_000), Step("work", time_ns=500_000), Step("copy", 0, 9_000)]
    ran = run([*steps, Step("sync")])
    assert replay_of(ran).wall_ns(moved(ran, [(3_000, 503_000)], 0)) == ran.wall_ns


def test_each_span_has_its_part_where_something_follows() -> None:
    ran = run([Step("work", time_ns=30_000), Step("copy", 0, 7_000)] * 2)
    first, second, late = (0, 10_000), (33_000, 63_000), (66_000, 70_000)
    links = CriticalPaths(ran.timeline).links
    now = links.end - links.start
    assert now.tolist() == [7_000, 7_000]
    change = moved(ran, [first, second], 4_000)
    assert change.device_ns is not None and change.device_ns.tolist() == [8_000, 10_000]
    nothing = moved(ran, [late], 4_000)
    assert nothing.device_ns is not None and nothing.device_ns.tolist() == [7_000, 7_000]
