"""Model calls become marks, and the turns of the loop around them become the requests to be.

What a request is can only be said at the end, when all turns are known (``cycle_requests``). Here
each turn is noted with the depth of its loop, and windows open and close at turns.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from random import SystemRandom
from time import perf_counter_ns, thread_time_ns
from types import FrameType
from typing import TYPE_CHECKING, Any

from infprof.profiler import request
from infprof.profiler.call_tree import CallTree
from infprof.profiler.host_tensor import Unreadable, is_plain, memory_of, unnoticed
from infprof.profiler.loop_marks import begins_turn
from infprof.profiler.loop_tasks import tasks_under_way
from infprof.profiler.marks import CONTENT, PADDING, RANGE, TURN, keys, this_thread
from infprof.profiler.padding import padding_of

if TYPE_CHECKING:
    from infprof.profiler.session import Session

FIRST = 1 << 20
"""In place of a depth: this is the thread's first model call, and no turn of a loop."""

FEW_TASKS = 2
"""The main one, and one that it waits for."""

KNOWN_PLACES = 400
"""So many calls are asked where they come from; after that each place has been seen."""

MANY_TURNS = 50
"""Of an inner loop, before the outer one may be taken for ended."""

FINGERPRINTED_CALLS = 1_000
READ_MASKS = 300
COST_SHARE, COST_NS = 0.005, 100_000_000
"""Listening takes 10 us a model call, and 200 in a virtual machine on a busy host. Where that is
more than this share of the time, a program is listened to until it is known well enough, or until
so much was spent on it."""

MOST_NS = 5_000_000
"""One call never takes longer to note."""

ENOUGH_CALLS, ENOUGH_REQUESTS, FEWEST_REQUESTS = 5_000, 300, 60
"""Known well enough; and how many requests are needed in any case."""

NOTING = "noting model calls"
WORTH_A_MARK_NS = 50_000
"""Less is no part of a request that anybody could see."""

SAMPLED_BYTES = 2048
"""Taken from the front, the middle and the end of an input: 1 us, whatever its size."""

_SALT = SystemRandom().getrandbits(62)


class _OfThread(threading.local):
    start_ns = 0
    has_called = False


class ModelCycles:
    """Listens to ``ModelCalls`` for a session."""

    def __init__(self, session: Session, calls: CallTree) -> None:
        self._session, self._calls = session, calls
        self._of_thread = _OfThread()
        self.places: dict[int, int] = {}
        """From which calls models were called, and how often among the first."""
        self.cost_ns = 0
        """What listening took of the program's threads' time on a CPU. That they waited meanwhile,
        for the interpreter or at the gate, is not counted."""
        self._asked = self._fingerprinted = self._masks = self._called = self._turns = (
            self._first_ns
        ) = 0
        self._inner = self._most_inner = 0
        """Turns of inner loops since the last one that counts, and the most there were before."""
        self.inside: set[int] = set()
        """Threads in a cycle that the session's gate knows of."""
        self.unit = FIRST
        """Depth of the outermost loop seen to turn: its turns are what windows count."""

    def model_called(
        self,
        model: Any,
        inputs: tuple[Any, ...],
        named: Mapping[str, Any],
        caller: FrameType,
        since_ns: int,
    ) -> None:
        """An outermost model call begins."""
        began, thread = thread_time_ns(), this_thread.id
        self._note_own_time(since_ns, thread)
        self._session.request_seen()
        self._note_place(caller)
        if not request.is_open():
            self._turn(thread, caller)
        turned = perf_counter_ns()
        self._note_content(thread, inputs)
        self._note_padding(thread, model, inputs, named)
        now = self._of_thread.start_ns = perf_counter_ns()
        self._session.add_mark(keys["profiler", NOTING], turned, now, thread, RANGE)
        self._called += 1
        self._first_ns = self._first_ns or now
        self._count(thread_time_ns() - began, now)

    def _count(self, cost_ns: int, now: int) -> None:
        """Add up what listening took, and end it where that is no longer worth it."""
        if cost_ns > MOST_NS:  # a window was opened or closed meanwhile
            return
        self.cost_ns += cost_ns
        if self.cost_ns > COST_SHARE * (now - self._first_ns) and self._is_known():
            self._session.stop_listening(f"after the first {self._called} model calls")

    def model_returned(self, model: Any, end_ns: int) -> None:
        """It ended."""
        began, thread = thread_time_ns(), this_thread.id
        key = keys["", f"nn.Module: {type(model).__name__}"]
        self._session.add_mark(key, self._of_thread.start_ns, end_ns, thread, RANGE)
        self._note_own_time(end_ns, thread)
        self.cost_ns += thread_time_ns() - began

    def _note_own_time(self, since_ns: int, thread: int) -> None:
        """What whoever tells of the calls took for it."""
        now = perf_counter_ns()
        if now - since_ns >= WORTH_A_MARK_NS:
            self._session.add_mark(keys["profiler", NOTING], since_ns, now, thread, RANGE)

    def _is_known(self) -> bool:
        requests = max(self._turns, self._session.requests_seen)
        enough = self.cost_ns >= COST_NS or requests >= ENOUGH_REQUESTS
        return self._called >= ENOUGH_CALLS or (enough and requests >= FEWEST_REQUESTS)

    def stand_back(self) -> bool:
        """The program marks its requests itself: cycles no longer count. Whether any had."""
        had_turned, self.unit = bool(self.inside), -1
        for thread in self.inside:
            self._session.gate.leave(thread)
        self.inside.clear()
        return had_turned

    def forget_ended_threads(self) -> None:
        """A thread that ended in its last cycle is under way no more."""
        for thread in list(self.inside):
            if not os.path.exists(f"/proc/self/task/{thread}"):
                self.inside.discard(thread)
                self._session.gate.leave(thread)

    def _turn(self, thread: int, caller: FrameType) -> None:
        if sys.gettrace() is None:
            tasks = tasks_under_way()
            depth = begins_turn(caller, among_tasks=tasks is not None and tasks > FEW_TASKS)
        else:  # markers would be calls of a debugger
            depth = 0
        if not self._of_thread.has_called:
            self._of_thread.has_called = True
            depth = FIRST
        if depth is None or self.unit < 0:
            return
        if depth != FIRST:  # the first call may be this thread's last: it may hold up nobody
            is_new = self._is_new_unit(depth)
            self._turns += depth <= self.unit
            self._session.turn(thread, depth <= self.unit, is_new)
        self._session.add_mark(keys[TURN, ""], perf_counter_ns(), depth, thread, RANGE)

    def _is_new_unit(self, depth: int) -> bool:
        """Whether the loop at this depth is the one to count from now on: one around those so far,
        or one inside that turns on and on, the outer one having ended (a warm-up)."""
        if depth > self.unit:
            self._inner += 1
            if self._inner <= max(MANY_TURNS, 3 * self._most_inner):
                return False
        elif depth == self.unit:
            self._most_inner = max(self._most_inner, self._inner)
            self._inner = 0
            return False
        self.unit, self._inner, self._most_inner = depth, 0, 0
        return True

    def _note_place(self, caller: FrameType) -> None:
        if self._asked < KNOWN_PLACES:
            self._asked += 1
            with self._session.calls_lock:
                call = self._calls.add(caller)
            self.places[call] = self.places.get(call, 0) + 1

    def _note_content(self, thread: int, inputs: Any) -> None:
        if self._fingerprinted < FINGERPRINTED_CALLS:
            self._fingerprinted += 1
            found = fingerprint(inputs)
            if found is not None:
                value, size = found
                start = perf_counter_ns()
                self._session.add_mark(keys[CONTENT, ""], start, value, thread, size)

    def _note_padding(
        self, thread: int, model: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        if self._masks < READ_MASKS and (found := padding_of(model, inputs, named)) is not None:
            self._masks += 1
            start = perf_counter_ns()
            for what in ("longest", "real"):
                key = keys[PADDING, what]
                self._session.add_mark(key, start, getattr(found, what), thread, found.tokens)


def fingerprint(inputs: Any) -> tuple[int, int] | None:
    """A salted number for the content of the first tensor, and how many values it has.

    Nothing can be learned from it but whether two inputs of this process were the same. ``None``
    for a tensor that is not plain memory of the host.
    """
    tensor = next(filter(is_plain, inputs), None)
    if tensor is None:
        return None
    try:
        with unnoticed():
            return _of_memory(tensor)
    except Unreadable:
        return None


def _of_memory(tensor: Any) -> tuple[int, int]:
    start, size = memory_of(tensor)
    from ctypes import string_at

    if size <= 3 * SAMPLED_BYTES:
        data = string_at(start, size)
    else:
        ends = 0, (size - SAMPLED_BYTES) // 2, size - SAMPLED_BYTES
        data = b"".join(string_at(start + place, SAMPLED_BYTES) for place in ends)
    shape = tuple(tensor.shape)
    return hash((_SALT, shape, data)) & (1 << 62) - 1, tensor.numel()
