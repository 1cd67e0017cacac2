"""Reads what py-spy writes: of its formats only ``chrometrace`` says when a stack was seen.

It holds no sample, but each change of a thread's stack, as frames that end and begin. Its first two
frames name the process and the thread. Py-spy looks at all threads in one round: where one changed,
the others were seen too. A thread that ended stays in its last call to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from infprof.profiler.beats import NAMES
from infprof.profiler.call_tree import is_ours, is_user
from infprof.profiler.stacks import CallsBuilder, Place

MOST_BYTES = 96 << 20
MOST_ROWS = 300_000
BLOCK_BYTES = 1 << 20
ROUND_NS = 1_000_000
"""What it saw less than this apart it saw in one round."""

LONG_GAP = 3
"""In so many intervals there were rounds for sure: they found no change."""

BETWEEN_EVENTS = b'},{"'
"""Never inside a string: there the quote is escaped."""

_PROCESS = re.compile(r"process (\d{1,18})")
_THREAD = re.compile(r"thread \((0x)?([0-9A-Fa-f]{1,16})\)(?:: (.*))?", re.DOTALL)
_BEATS_FILE = "profiler/beats.py"
_OUR_THREADS = _BEATS_FILE, "profiler/stack_sampler.py"


class Args(msgspec.Struct, gc=False):
    """Where a frame is."""

    filename: str = ""
    line: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None


class Event(msgspec.Struct, gc=False):
    """A frame begins (``B``) or ends (``E``)."""

    name: str
    ph: str
    tid: int
    ts: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    """In microseconds: it is not left to run so long."""
    pid: int = 0
    args: Args = msgspec.field(default_factory=Args)


class Top(NamedTuple):
    """The innermost frame of a stack, and what its outer frames said."""

    call: int = -1
    process: int = 0
    thread: int = 0
    beat: int = -1
    """Which of ``beats.NAMES`` is on the stack; -1 for none."""


@dataclass(slots=True)
class PySpyTrace:
    """What py-spy saw, on its own clock, which begins with it."""

    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(time_ns, process, native thread id, call)."""
    calls: CallsBuilder = field(default_factory=CallsBuilder)
    names: dict[int, str] = field(default_factory=dict)
    """Of the threads, by native id."""
    beats: list[tuple[int, int]] = field(default_factory=list)
    """When which of the two beat functions was seen."""
    ours: set[int] = field(default_factory=set)
    """Threads of the session's own sampler."""
    end_ns: int = 0
    cut: str | None = None
    """Why the end is missing."""


_decode = msgspec.json.Decoder(list[Event]).decode


def read(file: Path, interval_ns: int, last_seen: dict[int, int] | None = None) -> PySpyTrace:
    """All of the file that is whole. ``last_seen`` are the times, on py-spy's clock, after which
    threads were there no more. Never fails on content; raises ``OSError``."""
    reader = _Reader(interval_ns, last_seen or {})
    try:
        for events in _batches(file):
            reader.take(events)
            if len(reader.trace.rows) >= MOST_ROWS:
                raise ValueError("it is too long")
    except (msgspec.DecodeError, UnicodeDecodeError):
        reader.trace.cut = "it is not whole"
    except ValueError as error:
        reader.trace.cut = str(error)
    return reader.finish()


def _batches(file: Path) -> Iterator[list[Event]]:
    """The events, some at a time; raises ``ValueError`` where they are cut off."""
    rest, size = b"", 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            size += len(block)
            data = rest + block
            end = data.rfind(BETWEEN_EVENTS)
            if end >= 0:
                yield _decode(b"[" + data[: end + 1].removeprefix(b"[") + b"]")
                data = data[end + 2 :]
            if len(data) > 2 * BLOCK_BYTES:
                raise ValueError("it is not whole")
            rest = data
            if size > MOST_BYTES:
                raise ValueError("it is too long")
    yield _decode(b"[" + rest.removeprefix(b"["))


class _Reader:
    """Follows the stacks. Py-spy keeps one for each thread id of the threading library, which the
    children of a fork share: it then ends one process's frames and begins the other's."""

    def __init__(self, interval_ns: int, last_seen: dict[int, int]) -> None:
        self.trace = PySpyTrace()
        self._interval, self._last_seen = interval_ns, last_seen
        self._stacks: dict[int, list[Top]] = {}
        self._now: dict[int, Top] = {}
        """By native thread: what it does."""
        self._round_ns, self._latest_ns = -1, -2 * ROUND_NS
        """When the round under way began, and its latest change."""
        self._known: dict[tuple[int, str, str, int | None], int] = {}
        self._last: tuple[int, int, int] | None = None

    def take(self, events: list[Event]) -> None:
        """More events, in the file's order."""
        for event in events:
            if event.ph not in "BE":
                continue
            group = (event.tid, event.pid, event.ts)
            if group != self._last:
                self._sampled()
                self._last = group
            stack = self._stacks.setdefault(event.tid, [])
            if event.ph == "B":
                stack.append(self._inside(stack[-1] if stack else Top(), event))
            elif stack:
                stack.pop()

    def finish(self) -> PySpyTrace:
        """The trace; each thread stays where it is until the last event."""
        if self.trace.cut is None:  # else the last stack may be half
            self._sampled()
        self.trace.end_ns = self._last[2] * 1000 if self._last else 0
        self._write_until(self.trace.end_ns)
        return self.trace

    def _sampled(self) -> None:
        """All frames of one look at one thread are there."""
        if self._last is None:
            return
        time_ns = self._last[2] * 1000
        stack = self._stacks.get(self._last[0])
        if not stack or not stack[-1].thread:
            return
        top = stack[-1]
        if top.beat >= 0:
            self.trace.beats.append((time_ns, top.beat))
        if time_ns - self._latest_ns > ROUND_NS:
            self._write_until(time_ns)
            self._round_ns = time_ns
        self._latest_ns = time_ns
        self._now[top.thread] = top

    def _write_until(self, end_ns: int) -> None:
        """What all did in the round that has ended, and in those after it that found no change."""
        if self._round_ns < 0:
            return
        self._write(self._round_ns)
        if end_ns - self._round_ns > LONG_GAP * self._interval:
            for time_ns in range(
                self._round_ns + self._interval, end_ns - self._interval, self._interval
            ):
                self._write(time_ns)

    def _write(self, time_ns: int) -> None:
        for thread, top in list(self._now.items()):
            if time_ns > self._last_seen.get(thread, time_ns):
                del self._now[thread]
            elif top.call >= 0 and len(self.trace.rows) < MOST_ROWS:
                self.trace.rows.append((time_ns, top.process, thread, top.call))

    def _inside(self, outer: Top, event: Event) -> Top:
        file = event.args.filename
        if not file:
            return self._named(outer, event.name)
        key = (outer.call, event.name, file, event.args.line)
        call = self._known.get(key)
        if call is None:
            call = self._known[key] = self._call(outer.call, event)
        beat = outer.beat
        if file.endswith(_OUR_THREADS):
            self.trace.ours.add(outer.thread)
        if event.name in NAMES and file.endswith(_BEATS_FILE):
            beat = NAMES.index(event.name)
        return Top(call, outer.process, outer.thread, beat)

    def _call(self, outer: int, event: Event) -> int:
        file = event.args.filename
        if is_ours(file):
            return outer
        line = event.args.line or 0
        return self.trace.calls.add(outer, Place(file, event.name, line, -1, is_user(file)))

    def _named(self, outer: Top, text: str) -> Top:
        """A frame without a file: it names a process or a thread."""
        if found := _PROCESS.match(text):
            return outer._replace(process=int(found[1]))
        if found := _THREAD.match(text):
            thread = int(found[2], 16 if found[1] else 10)
            self.trace.names[thread] = found[3] or ""
            return outer._replace(thread=thread)
        return outer
