"""Stacks of a watched process, each with what the kernel said of its thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from infprof.profiler.collectors import Spied
from infprof.profiler.py_spy_trace import PySpyTrace
from infprof.profiler.session_files import SampledStacks
from infprof.profiler.stack_join import Joined, join
from infprof.profiler.stacks import CallsBuilder, Place, State
from infprof.profiler.thread_state import PATIENT

MS = 1_000_000
HANDLER = Place("/srv/app.py", "handle", 3)
RESTING = Place("/usr/lib/python3.11/selectors.py", "EpollSelector.select", 9, -1, False)
GUNICORN = Place("/site-packages/gunicorn/arbiter.py", "Arbiter.run", 9, -1, False)


def joined(place: Place, states: Sequence[tuple[int, int]], others: int = State.SLEEP) -> Joined:
    """One sample at 50 ms, and what the kernel said of its thread, and of another one."""
    calls = CallsBuilder()
    rows = [(50 * MS, 1, 7, calls.add(-1, place)), (50 * MS, 1, 8, calls.add(-1, HANDLER))]
    told = [(at * MS, 7, int(state)) for at, state in states] + [(50 * MS, 8, int(others))]
    spied = Spied(PySpyTrace(rows, calls), sorted(told), (0, 0), 25 * MS, 0)
    own = SampledStacks(np.empty((0, 4), np.int64), CallsBuilder(), [])
    return join(spied, own, np.empty((0, 2), np.int64), None, None)


def state(place: Place, states: Sequence[tuple[int, int]], others: int = State.SLEEP) -> int:
    (found,) = (row[3] for row in joined(place, states, others).rows if row[1] == 7)
    return found


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(40, State.IO), (62, State.RUNNING)], State.RUNNING),
        ([(40, State.RUNNING), (52, State.IO)], State.RUNNING),
        ([(40, State.IO), (60, State.IO)], State.IO),
        ([(40, State.SLEEP), (60, State.SLEEP)], State.SLEEP),
        ([], State.UNKNOWN),
    ],
)
def test_a_thread_at_work_is_blocked_only_where_it_was_before_and_after(
    states: Sequence[tuple[int, int]], expected: int
) -> None:
    assert state(HANDLER, states) == expected


def test_a_thread_that_waits_for_work_is_taken_at_its_nearest() -> None:
    assert state(RESTING, [(40, State.RUNNING), (52, State.IO)]) == State.IO


def test_a_wait_for_a_lock_is_for_the_interpreter_while_another_thread_runs() -> None:
    waits = [(45, State.LOCK), (55, State.LOCK)]
    assert state(HANDLER, waits, others=State.RUNNING) == State.GIL
    assert state(HANDLER, waits) == State.RUNNING  # native code locks for itself
    assert state(GUNICORN, waits, others=State.RUNNING) == State.LOCK


def test_a_lock_that_is_waited_for_without_end_is_never_the_interpreters() -> None:
    waits = [(45, PATIENT), (55, PATIENT)]
    assert state(HANDLER, waits, others=State.RUNNING) == State.LOCK
    assert state(HANDLER, waits) == State.RUNNING  # as above
    assert state(GUNICORN, waits) == State.LOCK


def test_all_threads_of_a_watched_process_have_a_lane_of_their_own() -> None:
    found = joined(HANDLER, [(50, State.RUNNING)])
    assert sorted(found.lanes) == [7, 8] and not found.has_own
    assert {lane.process for lane in found.lanes.values()} == {1}


def test_who_waits_for_data_wants_the_interpreter_once_it_is_there() -> None:
    reading = Place("/usr/lib/python3.11/socket.py", "SocketIO.readinto", 9, -1, False)
    waits = [(45, State.LOCK), (55, State.LOCK)]
    assert state(reading, waits, others=State.RUNNING) == State.GIL
    assert state(reading, waits) == State.LOCK
    queue = Place("/usr/lib/python3.11/queue.py", "Queue.get", 9, -1, False)
    assert state(queue, waits, others=State.RUNNING) == State.LOCK
