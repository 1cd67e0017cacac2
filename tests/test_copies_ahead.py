"""A replay predicts what a steady flow of requests takes whose inputs are copied one ahead."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infprof.profiler import replay_chains
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.replay import Change
from tests.random_programs import Step, random_program
from tests.simulated_machine import API, GAP, Run, Scales, run
from tests.test_replay import replay_of, varied

UPLOADS = ("copy", "blocking upload")
PROGRAMS = 60


def programs() -> Iterator[tuple[random.Random, list[Step]]]:
    """Random ones; half of the blocking copies bring inputs."""
    for seed in range(PROGRAMS):
        rng, program = random.Random(seed), random_program(seed, False, threads=False)
        chosen = [one.do == "blocking copy" and rng.random() < 0.5 for one in program]
        pairs = zip(program, chosen, strict=True)
        yield rng, [replace(one, do="blocking upload") if up else one for one, up in pairs]


def steady_ns(requests: list[list[Step]], scales: Scales | None = None) -> float:
    """What each of the last four requests takes, once their flow is steady."""
    flow = [
        [
            replace(one, do="ahead", other=number) if one.do in UPLOADS else one
            for number, one in enumerate(request)
        ]
        for request in requests
    ]
    until, whole = (
        run([step for request in part for step in request], scales).wall_ns
        for part in (flow[:-4], flow)
    )
    return (whole - until) / 4


def ahead(ran: Run) -> Change:
    """All inputs come ahead."""
    links = CriticalPaths(ran.timeline).links
    return Change(ahead=frozenset(links.rows[links.direction == "h2d"].tolist()))


def predicted_ns(ran: Run) -> int:
    return replay_of(ran).wall_ns(ahead(ran))


@pytest.mark.parametrize("copy", [1.0, 8.0])
def test_short_inputs_and_such_as_take_longer_than_the_rest(copy: float) -> None:
    scales, right = Scales(copy=copy), 0
    for _, program in programs():
        truth = steady_ns([program] * 16, scales)
        right += abs(predicted_ns(run(program, scales)) - truth) <= 0.02 * truth
    assert right >= 0.98 * PROGRAMS


def test_times_that_vary_from_request_to_request() -> None:
    """Each request draws all its durations anew, within 5 %."""
    right = 0
    for rng, program in programs():
        truth = steady_ns([varied(program, rng) for _ in range(16)], Scales(copy=3.0))
        predicted = predicted_ns(run(varied(program, rng), Scales(copy=3.0)))
        right += abs(predicted - truth) <= 0.05 * truth
    assert right >= 0.98 * PROGRAMS


def test_a_hidden_copy_saves_nothing() -> None:
    ran = run([Step("copy", 1, 20_000), Step("kernel", 0, 400_000), Step("sync", other=-1)])
    assert predicted_ns(ran) == ran.wall_ns


def test_of_a_copy_only_its_call_is_left() -> None:
    long = Step("kernel", 0, 1_000_000)
    copies = [Step("copy", 0, 1_000), Step("kernel", 0, 5_000)] * 50
    calls = [Step("work", time_ns=API), Step("kernel", 0, 5_000)] * 50
    ends = run([long, *calls, Step("sync")]).wall_ns
    assert predicted_ns(run([long, *copies, Step("sync")])) == ends


def test_a_request_takes_at_least_its_copies() -> None:
    ran = run([Step("copy", 0, 300_000), Step("kernel", 0, 200_000)] * 2 + [Step("sync")])
    assert predicted_ns(ran) == 2 * (300_000 + GAP)


def test_what_shortens_the_copies_counts_for_their_engine_too() -> None:
    ran = run([Step("copy", 0, 300_000), Step("kernel", 0, 20_000), Step("sync")])
    links = CriticalPaths(ran.timeline).links
    both = Change((links.end - links.start) // 2).and_also(ahead(ran))
    assert replay_of(ran).wall_ns(both) == 150_000 + GAP


def test_a_copy_of_the_other_direction_has_its_own_engine() -> None:
    program = [
        Step("copy", 0, 100_000), Step("kernel", 0, 50_000), Step("blocking copy", 0, 90_000)
    ]  # fmt: skip
    wall = run(program).wall_ns
    saved = wall - predicted_ns(run(program))
    assert saved == pytest.approx(100_000, abs=10_000)


def test_at_once_as_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    walls = [predicted_ns(run(program)) for _, program in programs()]
    monkeypatch.setattr(replay_chains, "LEAST_PIECES", 1)
    assert walls == [predicted_ns(run(program)) for _, program in programs()]
