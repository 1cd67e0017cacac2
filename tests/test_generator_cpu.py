"""How much of its CPUs a load generator used, from looks at its processes."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.loads.generator_cpu import MOST_LOOKS, GeneratorCpu, Look

S = 1_000_000_000
CPUS = len(os.sched_getaffinity(0))


def seen(*looks: tuple[float, float, dict[int, float]]) -> GeneratorCpu:
    """At these seconds: CPU seconds of one process, and of its threads."""
    return GeneratorCpu(
        1,
        [
            Look(round(at * S), {1: spent}, {one: round(ran * S) for one, ran in threads.items()})
            for at, spent, threads in looks
        ],
    )


def test_all_its_cpus() -> None:
    assert seen((0, 0, {}), (10, 5 * CPUS, {})).share(None) == 0.5


def test_one_thread_at_its_limit_is_a_limit() -> None:
    found = seen((0, 1.0, {7: 1.0, 8: 0.0}), (10, 10.5, {7: 10.5, 8: 0.1})).share(None)
    assert found == 0.95


def test_getting_ready_does_not_count() -> None:
    cpu = seen((0, 0, {7: 0}), (20, 20, {7: 20}), (30, 21, {7: 21}))
    assert cpu.share(10 * S) == 0.1
    assert (cpu.share(None) or 0) == 0.7


def test_one_look_tells_nothing() -> None:
    assert seen((0, 0, {})).share(None) is None
    assert GeneratorCpu(1 << 30).share(None) is None


def test_our_own_process_is_seen_and_few_looks_are_kept() -> None:
    cpu = GeneratorCpu(os.getpid())
    cpu.look()
    cpu.looks *= 2 * MOST_LOOKS
    cpu.look()
    assert cpu.looks[-1].process_s[os.getpid()] > 0
    assert len(cpu.looks) <= MOST_LOOKS + 1


def test_a_process_that_has_gone_is_no_error() -> None:
    cpu = GeneratorCpu(1 << 30)
    cpu.look()
    assert cpu.looks == []


@given(
    st.lists(st.tuples(st.floats(0, 9), st.floats(0, 900)), min_size=2, max_size=6),
    st.none() | st.integers(1, 40 * S),
)
def test_a_share_is_a_share(steps: list[tuple[float, float]], window_ns: int | None) -> None:
    at = spent = 0.0
    looks = []
    for wait, used in steps:
        at, spent = at + wait, spent + used
        looks.append((at, spent, {7: spent}))
    found = seen(*looks).share(window_ns)
    assert found is None or 0 <= found <= 1
