"""Tells whether a call is the next turn of a loop, from the stacks of this and of earlier calls.

Each frame on the stack gets a marker that lives and dies with it (in ``f_trace``, which nobody
reads while no tracer is set). The innermost frame that already carries one was there at the last
call too: the loop runs in it. There the program is either further on than before, which is no new
turn, or back at an instruction where it was: a turn begins at the first such instruction, until the
program has left that loop for a later one.
"""

from __future__ import annotations

import dis
import inspect
from bisect import bisect_right
from types import CodeType, FrameType
from typing import Any


class Marker:
    """Rides on one activation of a function. A tracer that finds it gets ``None``: no tracing."""

    __slots__ = ("depth", "visits", "head")

    def __init__(self, depth: int, offset: int) -> None:
        self.depth = depth
        """Functions around it."""
        self.visits = {offset: 1}
        """How often each of its instructions called down to a model."""
        self.head: int | None = None
        """The instruction at which each turn of its loop begins, once one was seen again."""

    def __call__(self, *_: Any) -> None:
        """As a local trace function: do nothing, and no longer."""

    def visit(self, code: CodeType, offset: int) -> bool:
        """The program is at this instruction now: whether a turn begins."""
        count = self.visits[offset] = self.visits.get(offset, 0) + 1
        if count > 1 and self.head is not None and offset > self.head:
            if not leads_back(code, offset, self.head):
                self.head = None
        if count > 1 and (self.head is None or offset < self.head):
            self.head = offset
        return offset == self.head


TASK = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def begins_turn(frame: FrameType, *, among_tasks: bool = False) -> int | None:
    """Depth of the function in which a new turn of a loop begins with the call that ``frame`` makes
    now; ``None`` for no new turn, and for the first call of all.

    ``among_tasks``: many take turns on this thread, so what the last call's task did tells nothing
    of this one; the loop that counts is the one that runs them.
    """
    ignored = TASK if among_tasks else 0
    fresh: list[FrameType] = []
    outer: FrameType | None = frame
    while outer is not None:
        if not outer.f_code.co_flags & ignored:
            if isinstance(outer.f_trace, Marker):
                break
            fresh.append(outer)
        outer = outer.f_back
    depth, turn = -1, None
    if outer is not None:
        marker = outer.f_trace
        assert isinstance(marker, Marker)
        depth = marker.depth
        turn = depth if marker.visit(outer.f_code, outer.f_lasti) else None
    for inner in reversed(fresh):
        depth += 1
        if inner.f_trace is None:  # else it is a debugger's
            inner.f_trace = Marker(depth, inner.f_lasti)
    return turn


_leads_back: dict[tuple[CodeType, int, int], bool] = {}
ENDS = "RETURN", "RAISE", "RERAISE"
ALWAYS = "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"


def leads_back(code: CodeType, start: int, goal: int) -> bool:
    """Whether the program can come from one instruction to another without an exception."""
    key = code, start, goal
    known = _leads_back.get(key)
    if known is None:
        known = _leads_back[key] = _search(code, start, goal)
    return known


def _search(code: CodeType, start: int, goal: int) -> bool:
    steps = list(dis.get_instructions(code))
    offsets = [step.offset for step in steps]
    first, last = (bisect_right(offsets, offset) - 1 for offset in (start, goal))
    seen, left = set[int](), [first]
    while left:
        place = left.pop()
        if place in seen or place >= len(steps):
            continue
        seen.add(place)
        step = steps[place]
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            left.append(bisect_right(offsets, step.argval) - 1)
        if not step.opname.startswith((*ENDS, *ALWAYS)):
            left.append(place + 1)
        if last in left:
            return True
    return False
