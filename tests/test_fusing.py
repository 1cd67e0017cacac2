"""Kernels that become one, on paper, take what they take on a machine that runs them as one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from infprof.profiler import replay_chains
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.fusing import Chain, fused
from infprof.profiler.replay import Change
from tests.build import timeline
from tests.random_programs import Step, random_program
from tests.simulated_machine import Run, run
from tests.test_replay import replay_of, varied

FUSED_NS = 4_000


def chain_of(rng: random.Random, work_ns: int, kernel_ns: int) -> list[Step]:
    """Host work and kernels of one stream, in turn."""
    pair = [Step("work", time_ns=work_ns), Step("kernel", 0, kernel_ns)]
    return pair * rng.randint(2, 40)


def as_one(chain: list[Step]) -> list[Step]:
    """The same with its last kernel alone."""
    return [*(one for one in chain if one.do == "work"), Step("kernel", 0, FUSED_NS)]


def fusion(ran: Run, before: list[Step], chain: list[Step]) -> Change:
    """The change that makes the chain, which comes after these steps, one kernel."""
    links = CriticalPaths(ran.timeline).links
    begin, end = run(before).wall_ns, run([*before, *chain]).wall_ns
    calls = ran.timeline.events.start_ns[links.launch]
    mine = np.flatnonzero((calls >= begin) & (calls < end))
    return fused(links, [Chain(mine[np.argsort(links.start[mine])], FUSED_NS)])


def predicted_and_true(seed: int, varies: bool = False) -> tuple[int, int]:
    rng = random.Random(seed)
    before, after = (random_program(rng.randrange(1000), events=False) for _ in range(2))
    work, kernel = (round(10 ** rng.uniform(3, 5)) for _ in range(2))
    parts = [before, chain_of(rng, work, kernel), after]
    truth = [*before, *as_one(parts[1]), *after]
    if varies:
        parts, truth = [varied(part, rng) for part in parts], varied(truth, rng)
    ran = run(sum(parts, []))
    return replay_of(ran).wall_ns(fusion(ran, *parts[:2])), run(truth).wall_ns


@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_as_a_machine_that_runs_one_kernel(varies: bool, within: float) -> None:
    right = 0
    for seed in range(100):
        predicted, wall = predicted_and_true(seed, varies)
        right += abs(predicted - wall) <= within * wall
    assert right >= 98


def test_at_once_as_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    walls = [predicted_and_true(seed)[0] for seed in range(20)]
    monkeypatch.setattr(replay_chains, "LEAST_PIECES", 1)
    assert walls == [predicted_and_true(seed)[0] for seed in range(20)]


def test_where_the_host_is_the_limit_only_launches_are_saved() -> None:
    chain = [Step("work", time_ns=30_000), Step("kernel", 0, FUSED_NS)] * 50
    slow = [Step("work", time_ns=30_000), Step("kernel", 0, 2 * FUSED_NS)] * 50
    end = [Step("work", time_ns=90_000), Step("sync")]
    saved = []
    for one in (chain, slow):
        ran = run([*one, *end])
        saved.append(ran.wall_ns - replay_of(ran).wall_ns(fusion(ran, [], one)))
    assert saved == [49 * 3_000] * 2  # launch calls; the kernels are as short as one likes


def test_hidden_kernels_save_nothing() -> None:
    long = [Step("kernel", 1, 5_000_000)]
    chain = [Step("work", time_ns=1_000), Step("kernel", 0, 20_000)] * 20
    ran = run([*long, *chain, Step("sync", other=-1)])
    assert replay_of(ran).wall_ns(fusion(ran, long, chain)) == ran.wall_ns


def test_operators_go_with_their_launches_unless_they_launch_more() -> None:
    seen = timeline("""
        main: 0-300 request
        main: 0-40 op aten::relu | main: 10-15 call cudaLaunchKernel #1
        main: 50-90 op aten::both | main: 60-65 call cudaLaunchKernel #2
        main: 70-75 call cudaLaunchKernel #3
        main: 100-140 op aten::add | main: 110-115 call cudaLaunchKernel #4
        s7: 20-30 kernel relu #1 | s7: 70-80 kernel first #2 | s7: 82-90 kernel second #3
        s7: 120-130 kernel add #4 | main: 140-142 call cudaDeviceSynchronize
    """)
    links = CriticalPaths(seen).links
    change = fused(links, [Chain(np.array([0, 1, 3]), 8_000)])
    assert change.host_removed.start.tolist() == [0, 60_000]
    assert change.host_removed.end.tolist() == [40_000, 65_000]
