"""Blame on the critical path is what a machine's wall is sensitive to, and tiles the wall."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.breakdown import by_critical_path
from infprof.profiler.critical_path import CriticalPaths, Path
from infprof.profiler.events import Kind
from infprof.profiler.intervals import intersect, joined, length, union
from tests.simulated_machine import Run, Scales, Step, random_program, run

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
PROGRAMS = st.lists(STEPS, min_size=1, max_size=40)


def path_of(ran: Run) -> Path:
    (request,) = ran.timeline.requests
    return CriticalPaths(ran.timeline).of(request)


def blamed(ran: Run) -> dict[str, int]:
    """Time on the path by the kind of time that can be scaled."""
    paths, events = CriticalPaths(ran.timeline), ran.timeline.events
    path = path_of(ran)
    is_copy = events.kind[paths.links.rows[path.work]] == Kind.COPY
    spans = path.spans.end - path.spans.start
    return {
        "kernel": int(spans[~is_copy].sum()),
        "copy": int(spans[is_copy].sum()),
        "host": length(intersect(path.host, union(ran.scaled_host))),
    }


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS)
def test_the_path_tiles_the_wall(program: list[Step]) -> None:
    ran = run(program)
    path = path_of(ran)
    parts = [path.spans, path.latency, path.gap, path.unexplained, path.host]
    assert sum(length(one) for one in parts) == ran.wall_ns
    everything = union(joined(parts))
    assert length(everything) == ran.wall_ns


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROGRAMS)
def test_exposed_is_never_more_than_busy(program: list[Step]) -> None:
    ran = run(program)
    found = by_critical_path(ran.timeline, CriticalPaths(ran.timeline))
    assert sum(exposed for exposed, _ in found.leaves.values()) == ran.wall_ns
    assert all(0 <= exposed <= busy for exposed, busy in found.leaves.values())


STEP = 1e-3
"""So little that the path seldom changes on the way."""


def test_blame_is_what_the_wall_is_sensitive_to() -> None:
    """At a tie, where two chains are equally long, more time costs and less saves nothing."""
    right = []
    for seed in range(1000):
        program = random_program(seed)
        ran = run(program)
        for kind, time in blamed(ran).items():
            slopes = [
                (run(program, Scales(**{kind: 1 + step})).wall_ns - ran.wall_ns) / step
                for step in (STEP, -STEP)
            ]
            off = max(time - max(slopes), min(slopes) - time)
            right.append(off <= 0.03 * ran.wall_ns)
    assert sum(right) >= 0.98 * len(right)
