"""Threads that were at work already when a session joined a program.

What they are at is no request that the session knows of, so the gate cannot wait for its end; and
to start torch's tracer while they run ops can kill the process. So no window opens until each of
them was seen at rest, has ended, or has begun a request that is known.
"""

from __future__ import annotations

import os

from infprof.profiler.call_tree import MODEL_FILE, Stack
from infprof.profiler.garbage import collection_postponed
from infprof.profiler.stack_sampler import program_stacks, waits_in
from infprof.profiler.thread_state import LOCKS, RUNNING, ThreadStates


class Stragglers:
    """Found once, and looked for until none is left."""

    def __init__(self) -> None:
        self._left: set[int] = set()
        """Their native thread ids."""

    def find(self) -> None:
        """All threads of the program that are at work now."""
        self._left = _at_work()

    def look(self) -> None:
        """Which of them are still at it? Call it now and then."""
        if self._left:
            left = self._left & _at_work()
            self._left = {thread for thread in left if os.path.exists(f"/proc/self/task/{thread}")}

    def forget(self, thread: int) -> None:
        """It does something else now."""
        if self._left:
            self._left = self._left - {thread}

    def besides(self, thread: int) -> bool:
        """Whether there are any but this one."""
        return bool(self._left - {thread})


def _at_work() -> set[int]:
    states = ThreadStates()
    with collection_postponed():
        found = [
            (native, states.of(native), file, stack) for native, file, stack in program_stacks()
        ]
    return {thread for thread, state, file, stack in found if _works(state, file, stack)}


def _works(state: int, file: str, stack: Stack) -> bool:
    """Whether a thread in this state runs code, wants to, or waits within a model's call. One that
    waits for a lock outside of the known places wants the interpreter."""
    in_model = any(code.co_filename.endswith(MODEL_FILE) for code, _, _ in stack)
    return in_model or state == RUNNING or (state in LOCKS and not waits_in(file))
