"""Two clocks are put onto each other by what both saw."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler.beats import PERIOD_NS
from infprof.profiler.stack_clock import ENOUGH_SIGHTINGS, Alignment, align, from_bounds

INTERVAL_NS = 10_000_000
MS = 1_000_000


def world(
    seed: int,
    seconds: float,
    offset: int,
    delay_ns: float = 0,
    interval_ns: int = INTERVAL_NS,
) -> tuple[np.ndarray, np.ndarray]:
    """Beats as our sampler writes them, and what py-spy would see of them: at each look that finds
    another function than the one before, its own time, which may be late."""
    random = np.random.default_rng(seed)
    which = random.integers(0, 2, max(int(seconds * 1e9 / PERIOD_NS), 2))
    times = 10**15 + np.arange(len(which)) * PERIOD_NS + random.integers(0, 5 * MS, len(which))
    changed = np.diff(which, prepend=-1) != 0
    beats = np.stack([times[changed], which[changed]], axis=1).astype(np.int64)
    gaps = random.exponential(interval_ns, int(2 * seconds * 1e9 / interval_ns))
    looks = (times[0] + np.cumsum(gaps)).astype(np.int64)
    looks = looks[looks < times[-1]]
    found = beats[np.searchsorted(beats[:, 0], looks, side="right") - 1, 1]
    fresh = np.diff(found, prepend=-1) != 0
    stamps = looks[fresh] - offset + random.exponential(delay_ns, fresh.sum()).astype(np.int64)
    return beats, np.stack([stamps, found[fresh]], axis=1).astype(np.int64)


def around(offset: int, by_ns: int = 300 * MS) -> tuple[int, int]:
    return offset - by_ns // 3, offset + by_ns


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(4, 60), st.integers(10**14, 10**15))
def test_a_known_offset_is_recovered_far_below_the_sampling_interval(
    seed: int, seconds: float, offset: int
) -> None:
    beats, seen = world(seed, seconds, offset)
    found = align(beats, seen, around(offset), INTERVAL_NS)
    assert found is not None
    assert abs(found.offset_ns - offset) <= 3 * INTERVAL_NS / np.sqrt(len(seen))
    assert abs(found.offset_ns - offset) <= 2 * found.error_ns


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 8))
def test_late_stamps_make_the_error_larger_and_say_so(seed: int, delay_ms: float) -> None:
    beats, seen = world(seed, 30, 10**14, delay_ms * MS)
    found = align(beats, seen, around(10**14), INTERVAL_NS)
    assert found is not None
    assert abs(found.offset_ns - 10**14) <= 2 * found.error_ns
    assert found.error_ns >= delay_ms * MS / 4
    assert found.error_ns <= 4 * MS + 2 * delay_ms * MS


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([20, 40, 100]))
def test_many_processes_are_looked_at_less_often(seed: int, interval_ms: int) -> None:
    interval = interval_ms * MS
    beats, seen = world(seed, 50, 10**14, interval_ns=interval)
    found = align(beats, seen, around(10**14), interval)
    assert found is not None
    assert abs(found.offset_ns - 10**14) <= 2 * found.error_ns <= interval


def test_the_more_was_seen_the_surer() -> None:
    errors = []
    for seconds in (5, 50):
        found = align(*world(1, seconds, 10**14), around(10**14), INTERVAL_NS)
        assert found is not None
        errors.append(found.error_ns)
    assert errors[1] < errors[0] / 2 and errors[0] < INTERVAL_NS


def test_too_little_and_other_peoples_beats_give_nothing() -> None:
    beats, seen = world(1, 10, 10**14)
    assert align(beats, seen[: ENOUGH_SIGHTINGS - 1], around(10**14), INTERVAL_NS) is None
    assert align(beats[:1], seen, around(10**14), INTERVAL_NS) is None
    assert align(np.empty((0, 2), np.int64), seen, around(10**14), INTERVAL_NS) is None
    other, _ = world(2, 10, 10**14)
    assert align(other, seen, around(10**14), INTERVAL_NS) is None


def test_bounds_alone_give_their_middle() -> None:
    assert from_bounds((100, 300)) == Alignment(200, 100)
    assert from_bounds((300, 100)).error_ns == 0
