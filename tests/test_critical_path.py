"""Blame on the critical path is what a machine's wall is sensitive to, and tiles the wall."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.breakdown import by_critical_path
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.events import Kind
from infprof.profiler.intervals import intersect, joined, length, subtract, union
from tests.random_programs import HELPERS, Step, random_program
from tests.simulated_machine import Run, Scales, run

STREAMS = st.integers(0, 2)
TIMES = st.integers(1, 200).map(lambda time: time * 1_000)
STEPS = st.one_of(
    st.builds(Step, st.just("work"), time_ns=TIMES),
    st.builds(Step, st.sampled_from(["kernel", "copy"]), STREAMS, TIMES),
    st.builds(Step, st.just("blocking copy"), STREAMS, TIMES),
    st.builds(Step, st.just("graph"), STREAMS, st.integers(1, 40).map(lambda t: t * 1_000),
              st.integers(1, 6)),
    st.builds(Step, st.just("sync"), STREAMS, st.just(0), st.sampled_from([0, -1])),
    st.builds(Step, st.just("wait"), STREAMS, st.just(0), STREAMS),
)  # fmt: skip
GIVEN = st.builds(
    lambda helper, steps: Step("give", other=helper, given=tuple(steps)),
    st.integers(0, HELPERS - 1), st.lists(STEPS, min_size=1, max_size=6),
)  # fmt: skip
PROGRAMS = st.lists(st.one_of(STEPS, GIVEN, st.just(Step("join"))), max_size=40).map(
    lambda steps: [Step("work", time_ns=1_000), *steps]
)
RANDOM = range(1000)


@cache
def of_seed(seed: int) -> Run:
    """A random program that has run."""
    return run(random_program(seed))


def blamed(ran: Run) -> dict[str, int]:
    """Time on the path by the kind of time that can be scaled."""
    paths, events = CriticalPaths(ran.timeline), ran.timeline.events
    (request,) = ran.timeline.requests
    path = paths.of(request)
    is_copy = events.kind[paths.links.rows[path.work]] == Kind.COPY
    spans = path.spans.end - path.spans.start
    on_path = {0: subtract(path.host, union(joined(list(path.helped.values())))), **path.helped}
    hosts = [intersect(spans, union(ran.own_time[lane])) for lane, spans in on_path.items()]
    return {
        "kernel": int(spans[~is_copy].sum()),
        "copy": int(spans[is_copy].sum()),
        "host": sum(map(length, hosts)),
    }


def check_tiling(ran: Run) -> None:
    (request,) = ran.timeline.requests
    paths = CriticalPaths(ran.timeline)
    path = paths.of(request)
    parts = [path.spans, path.latency, path.gap, path.unexplained, path.host]
    assert sum(length(one) for one in parts) == ran.wall_ns == length(union(joined(parts)))
    helped = list(path.helped.values())
    assert sum(map(length, helped)) == length(intersect(union(joined(helped)), path.host))
    found = by_critical_path(ran.timeline, paths)
    assert sum(exposed for exposed, _ in found.leaves.values()) == ran.wall_ns
    assert all(0 <= exposed <= busy for exposed, busy in found.leaves.values())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS, st.booleans())
def test_blame_tiles_the_wall_and_exposed_is_never_more_than_busy(
    program: list[Step], told: bool
) -> None:
    check_tiling(run(program, told=told))


def test_it_does_so_in_a_thousand_random_programs() -> None:
    for seed in RANDOM:
        check_tiling(of_seed(seed))


STEP = 1e-3
"""So little that the path seldom changes on the way."""


def test_blame_is_what_the_wall_is_sensitive_to() -> None:
    """At a tie, where two chains are equally long, more time costs and less saves nothing."""
    right = []
    for seed in RANDOM:
        ran, program = of_seed(seed), random_program(seed)
        for kind, time in blamed(ran).items():
            slopes = [
                (run(program, Scales(**{kind: 1 + step})).wall_ns - ran.wall_ns) / step
                for step in (STEP, -STEP)
            ]
            off = max(time - max(slopes), min(slopes) - time)
            right.append(off <= 0.03 * ran.wall_ns)
    assert sum(right) >= 0.98 * len(right)
