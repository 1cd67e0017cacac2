"""What py-spy saw, put onto our clock and among the stacks that the session itself sampled.

It is the source for child processes. Of the program's own process it gives only what the session's
sampler could not see, and only where its times are sure enough to tell one request from the next.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from infprof.profiler import names
from infprof.profiler.call_stages import frame_text
from infprof.profiler.call_tree import is_ours
from infprof.profiler.collectors import Spied
from infprof.profiler.intervals import Int64Array
from infprof.profiler.recording import Header, Lane
from infprof.profiler.session_files import SampledStacks
from infprof.profiler.stack_clock import Alignment, align, from_bounds
from infprof.profiler.stack_sampler import WAITING_FILES
from infprof.profiler.stacks import Place, State
from infprof.profiler.state_clock import align_states
from infprof.profiler.thread_state import LOCKS

DATA_FILES = "socket.py", "selectors.py"
"""Their functions wait for data, and then for the interpreter."""

SMALL_SHARE = 0.2
"""Of a median request: placed worse than that, a stack falls into the request before or after."""

FRESH_NS = 60_000_000
"""A thread's state is known for so long after the kernel was asked, and before. Then it has ended:
py-spy would show it for ever."""

NEW_NS = 250_000_000
"""Py-spy may see a thread so long before we look which there are."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Rows of (time_ns, native thread id, call, state), on our clock."""

    rows: list[tuple[int, int, int, int]]
    lanes: dict[int, Lane]
    """Of each thread: a child process has lanes of its own."""
    error_ns: int
    cost_ns: int
    has_own: bool
    """Some are of the program's own process."""

    def describe(self, header: Header) -> None:
        """Say how sure the times are, and what they cost."""
        header.overhead_ns["py-spy"] = self.cost_ns
        if self.has_own:
            header.stack_error_ns = self.error_ns
        elif self.rows:  # no request is served on a lane of theirs: their times matter less
            header.settings["child_stack_error_ns"] = self.error_ns


@dataclass
class KernelStates:
    """What the kernel said of each thread, and when."""

    times: dict[int, Int64Array] = field(default_factory=dict)
    states: dict[int, Int64Array] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: list[tuple[int, int, int]]) -> KernelStates:
        """From rows of (time, thread, state), in order of time."""
        columns = defaultdict[int, list[tuple[int, int]]](list)
        for time_ns, thread, state in rows:
            columns[thread].append((time_ns, state))
        tables = {thread: np.array(rows, np.int64) for thread, rows in columns.items()}
        return cls(
            {thread: table[:, 0] for thread, table in tables.items()},
            {thread: table[:, 1] for thread, table in tables.items()},
        )

    def had(self, thread: int, time_ns: int) -> bool:
        """Whether the thread was there; True for one that the kernel was never asked about."""
        times = self.times.get(thread)
        return times is None or times[0] - NEW_NS <= time_ns <= times[-1] + FRESH_NS

    def at(self, thread: int, time_ns: int) -> int:
        """Its state at the nearest time, ``UNKNOWN`` where that is too far off."""
        return min(self._around(thread, time_ns), default=(0, State.UNKNOWN))[1]

    def at_work(self, thread: int, time_ns: int) -> int:
        """As ``at``, for a thread in a function that is none of those that wait for work: of the
        times before and after, the one at which it was not blocked in a call. It was asked in turn
        with many others, and may have gone on waiting for work, or come from there."""
        ordered = sorted(self._around(thread, time_ns))
        busy = [state for _, state in ordered if state not in (State.IO, State.SLEEP)]
        return busy[0] if busy else self.at(thread, time_ns)

    def _around(self, thread: int, time_ns: int) -> list[tuple[int, int]]:
        """How far off the times before and after are, and its states then."""
        times = self.times.get(thread)
        if times is None:
            return []
        place = int(np.searchsorted(times, time_ns))
        near = [one for one in (place - 1, place) if 0 <= one < len(times)]
        found = [(abs(int(times[one]) - time_ns), int(self.states[thread][one])) for one in near]
        return [one for one in found if one[0] <= FRESH_NS]


def join(
    spied: Spied, own: SampledStacks, beats: Int64Array, process: int | None, request_ns: int | None
) -> Joined:
    """The rows to add to ``own``, whose calls grow. ``process`` is the session's, ``request_ns``
    what a usual request takes, ``None`` where there is none."""
    kernel = KernelStates.of(spied.states)
    calls, places = _add_calls(spied, own)
    serving = [names.serving_frame(frame_text(place)) for place in places]
    clock = _clock(spied, beats, kernel, serving)
    sure = request_ns is None or clock.error_ns <= SMALL_SHARE * request_ns
    covered = _Covered.by(own.rows)
    threads = _threads_of(spied)
    rows, lanes = [], dict[int, Lane]()
    for their_ns, owner, thread, call in spied.trace.rows:
        time_ns = their_ns + clock.offset_ns
        if thread in spied.trace.ours:
            continue
        if owner == process and not (sure and covered.misses(thread, time_ns)):
            continue
        if not kernel.had(thread, time_ns):
            continue
        is_idle = process is not None or serving[call] is not None
        state = (kernel.at if is_idle else kernel.at_work)(thread, time_ns)
        if state in LOCKS:
            others = (one for one in threads[owner] if one != thread)
            others_run = any(kernel.at(one, time_ns) == State.RUNNING for one in others)
            state = _at_a_lock(state, others_run, serving[call], places[call].file)
        rows.append((time_ns, thread, calls[call], int(state)))
        if thread not in lanes:
            lanes[thread] = _lane(owner, thread, spied.trace.names.get(thread, ""), process)
    has_own = any(lane.process == process for lane in lanes.values())
    return Joined(rows, lanes, clock.error_ns, spied.cost_ns, has_own)


def _at_a_lock(state: int, others_run: bool, kind: str | None, file: str) -> State:
    """What a thread does that waits for a lock, in a function of this file and kind."""
    if _waits(kind, file):
        return State.LOCK
    if others_run:
        return State.GIL if state == State.LOCK else State.LOCK
    return State.RUNNING if kind is None else State.LOCK  # native code locks for itself


def _lane(owner: int, thread: int, name: str, process: int | None) -> Lane:
    shown = name if owner == process else f"process {owner}: {name}"
    return Lane(type="thread", process=owner, id=thread, name=shown)


def _clock(
    spied: Spied, beats: Int64Array, kernel: KernelStates, serving: list[str | None]
) -> Alignment:
    """By beats; else by where threads that wait for work were found blocked; else by bounds."""
    seen = np.array(spied.trace.beats, np.int64).reshape(-1, 2)
    bounds = from_bounds(spied.between)
    found = align(beats, seen, spied.between, spied.interval_ns)
    if found is None and not len(beats):
        found = align_states(_resting(spied, serving), kernel.times, kernel.states, spied.between)
    return bounds if found is None or found.error_ns > bounds.error_ns else found


def _resting(spied: Spied, serving: list[str | None]) -> Int64Array:
    """Rows of (their time, thread, whether its innermost function only waits for work)."""
    rests = [kind is not None and kind.startswith("rest") for kind in serving]
    rows = [(time, thread, rests[call]) for time, _, thread, call in spied.trace.rows]
    return np.array(rows, np.int64).reshape(-1, 3)


@dataclass(frozen=True, slots=True)
class _Covered:
    """Which threads the session's own sampler saw, and from when to when it ran."""

    threads: frozenset[int]
    start_ns: int
    end_ns: int

    @classmethod
    def by(cls, rows: Int64Array) -> _Covered:
        if not len(rows):
            return cls(frozenset(), 0, 0)
        return cls(frozenset(rows[:, 1].tolist()), int(rows[:, 0].min()), int(rows[:, 0].max()))

    def misses(self, thread: int, time_ns: int) -> bool:
        return thread not in self.threads or not self.start_ns <= time_ns <= self.end_ns


def _threads_of(spied: Spied) -> dict[int, set[int]]:
    """The threads of each process that run Python."""
    found = defaultdict[int, set[int]](set)
    for _, owner, thread, _ in spied.trace.rows:
        found[owner].add(thread)
    return found


def _add_calls(spied: Spied, own: SampledStacks) -> tuple[list[int], list[Place]]:
    """Our number of each of py-spy's calls, and its place."""
    calls, places = list[int](), list[Place]()
    for parent, place in spied.trace.calls.rows:
        calls.append(own.calls.add(calls[parent] if parent >= 0 else -1, place))
        places.append(place)
    return calls, places


def _waits(kind: str | None, file: str) -> bool:
    """Whether a thread whose innermost function is in this file, and of this kind to a server,
    waits for a lock of its own. Where it waits for data, a lock is the interpreter's."""
    if file.endswith(DATA_FILES):
        return False
    return kind is not None or file.endswith(WAITING_FILES) or is_ours(file)
