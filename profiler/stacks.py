"""Sampled Python stacks as columns: at a time, on a thread, this call was under way, in this state.

Calls form one tree: each is a place in a function, called from its parent's place. So a sample
needs one integer, and a flame graph is a walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.interner import Interner
from infprof.profiler.intervals import Int64Array


class State(IntEnum):
    """What a thread did when it was sampled."""

    UNKNOWN = 0
    RUNNING = 1
    """On a CPU, or ready for one."""
    IO = 2
    """Blocked in a system call on a file, a socket or a pipe."""
    SLEEP = 3
    LOCK = 4
    """Blocked on a lock, a condition or a queue."""
    GIL = 5
    """Ready to run Python while another thread held the interpreter."""


class Place(NamedTuple):
    """Where in the code: ``offset`` is the bytecode instruction, -1 where unknown, and odd where
    that one turns a loop or begins a function: the thread ran Python, not native code."""

    file: str
    function: str
    line: int
    offset: int = -1
    is_user: bool = True
    """Whether the file is the program's own: neither Python's, nor an installed package's."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The tree of calls. A parent precedes its children; ``-1`` is no parent."""

    parent: npt.NDArray[np.int32]
    file: npt.NDArray[np.int32]
    """Index into ``strings``."""
    function: npt.NDArray[np.int32]
    """Index into ``strings``: the qualified name."""
    line: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]
    is_user: npt.NDArray[np.bool_]
    strings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.parent)

    def place(self, call: int) -> Place:
        """Where a call is."""
        return Place(
            self.strings[self.file[call]],
            self.strings[self.function[call]],
            int(self.line[call]),
            int(self.offset[call]),
            bool(self.is_user[call]),
        )

    def path(self, call: int) -> list[int]:
        """The calls from the outermost to this one."""
        found = []
        while call >= 0:
            found.append(call)
            call = int(self.parent[call])
        return found[::-1]


CALL_TYPES: dict[str, type[np.generic]] = {
    "parent": np.int32, "file": np.int32, "function": np.int32, "line": np.int32,
    "offset": np.int32, "is_user": np.bool_,
}  # fmt: skip


class CallsBuilder:
    """Collects calls one at a time; the same call twice is one."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, Place], int] = {}

    def add(self, parent: int, place: Place) -> int:
        """The index of a call of ``parent`` (-1: of nobody)."""
        return self.rows.setdefault((parent, place), len(self.rows))

    def build(self) -> Calls:
        """All calls so far."""
        strings = Interner()
        rows = [
            (parent, strings(at.file), strings(at.function), at.line, at.offset, at.is_user)
            for parent, at in self.rows
        ]
        table = np.array(rows, np.int64).reshape(-1, len(CALL_TYPES))
        columns = {
            name: table[:, i].astype(kind) for i, (name, kind) in enumerate(CALL_TYPES.items())
        }
        return Calls(**columns, strings=strings.strings())


STEP_NS = 5_000_000
"""Each pace of the sampler is whole steps of this, and it comes at random times: rows of a thread
that lie whole steps apart are of one look, and make up for those that it missed."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """Columns of one length, sorted by time: one row per thread and sample."""

    time_ns: Int64Array
    lane: npt.NDArray[np.int32]
    call: npt.NDArray[np.int32]
    """The innermost call: index into ``calls``."""
    state: npt.NDArray[np.int8]
    calls: Calls = field(default_factory=lambda: CallsBuilder().build())

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def is_late(self) -> npt.NDArray[np.bool_]:
        """Rows of looks that came late: something let the sampler in for the first time in more
        than one of its intervals, mostly the end of a native call that held the interpreter."""
        found = np.zeros(len(self), np.bool_)
        for lane in np.unique(self.lane):
            mine = np.flatnonzero(self.lane == lane)
            gap = np.diff(self.time_ns[mine])
            again = (gap > 0) & (gap % STEP_NS == 0)
            found[mine[1:][again]] = found[mine[:-1][again]] = True
        return found

    @classmethod
    def of(cls, rows: list[tuple[int, int, int, int]], calls: Calls) -> Stacks:
        """From rows of (time_ns, lane, call, state)."""
        table = np.array(sorted(rows), np.int64).reshape(-1, 4)
        return cls(
            table[:, 0],
            table[:, 1].astype(np.int32),
            table[:, 2].astype(np.int32),
            table[:, 3].astype(np.int8),
            calls,
        )


SAMPLE_COLUMNS = tuple(one.name for one in fields(Stacks) if one.name != "calls")
NO_STACKS = Stacks.of([], CallsBuilder().build())
