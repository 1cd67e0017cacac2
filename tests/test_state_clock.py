"""Two clocks aligned by what threads did."""

from __future__ import annotations

import numpy as np
import pytest

from infprof.profiler.stacks import State
from infprof.profiler.state_clock import align_states

MS = 1_000_000


def seen_and_told(offset_ms: int, turns_ms: float = 37.0) -> tuple[np.ndarray, dict, dict]:  # type: ignore[type-arg]
    """A thread that works and waits in turns of uneven length, seen and asked for 6 s."""
    random = np.random.default_rng(3)
    edges = np.cumsum(random.uniform(0.3, 1.7, 400) * turns_ms)
    theirs, ours = np.arange(0, 6000, 25.0), np.arange(0, 6000, 20.0)
    rests = np.searchsorted(edges, theirs) % 2
    seen = np.column_stack((theirs * MS, np.full(len(theirs), 7), rests)).astype(np.int64)
    blocked = np.searchsorted(edges, ours) % 2
    states = np.where(blocked == 1, int(State.IO), int(State.RUNNING))
    return seen, {7: ((ours + offset_ms) * MS).astype(np.int64)}, {7: states}


@pytest.mark.parametrize("offset_ms", [5, 90, 195])
def test_the_offset_is_found_within_its_error(offset_ms: int) -> None:
    found = align_states(*seen_and_told(offset_ms), (0, 200 * MS))
    assert found is not None
    assert abs(found.offset_ns - offset_ms * MS) <= found.error_ns + 10 * MS  # half a question
    assert found.error_ns < 30 * MS


def test_a_thread_that_never_changes_tells_nothing() -> None:
    seen, times, states = seen_and_told(50, turns_ms=10_000)
    assert align_states(seen, times, states, (0, 200 * MS)) is None


def test_states_that_have_nothing_to_do_with_it_tell_nothing() -> None:
    seen, times, states = seen_and_told(50)
    states[7] = np.random.default_rng(1).permutation(states[7])
    found = align_states(seen, times, states, (0, 200 * MS))
    assert found is None or found.error_ns > 20 * MS


def test_no_thread_that_was_asked_about_tells_nothing() -> None:
    seen, _, _ = seen_and_told(50)
    assert align_states(seen, {}, {}, (0, 200 * MS)) is None
