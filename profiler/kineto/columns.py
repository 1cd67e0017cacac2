"""A trace's complete events as columns that grow by pieces; no Python object per event is kept.

What an event says in words (name, thread, shapes) becomes a number of a table, so that whatever
depends only on the words is worked out once, and not per event.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from infprof.profiler.events import DEVICE_KINDS, Flag, Kind
from infprof.profiler.flops import TOLD_BY_ARGUMENTS
from infprof.profiler.intervals import Int64Array
from infprof.profiler.kineto.document import Args, Event
from infprof.profiler.kineto.halves import paired
from infprof.profiler.kineto.kinds import FRAME, Kinds, Names, among
from infprof.profiler.kineto.lanes import LaneNames, Lanes
from infprof.profiler.kineto.numbers import Microseconds, whole
from infprof.profiler.kineto.shapes import Shapes
from infprof.profiler.kineto.tables import Int32Array

WINDOW = "PyTorch Profiler"
"""How the tracer names the stretches that it watched."""
WINDOW_MARKS = ("Iteration Start: " + WINDOW, "Record Window End")
OF_NO_USE = ("X", "s", "t", "f")
"""Phases of complete events, which are taken elsewhere, and of arrows between them."""
FRAME_PROCESSES = ("Spans", "Traces")
ON_DEVICE, STREAMED = among(DEVICE_KINDS), among((*DEVICE_KINDS, Kind.SYNC))
TELLING = ("aten::to", "aten::_to_copy", *TOLD_BY_ARGUMENTS)
"""The ops whose concrete inputs tell something: the type that is cast to, or a size."""
TYPES: dict[str, type[np.generic]] = {
    "kind": np.int8, "name": np.int32, "lane": np.int32, "is_frame": np.bool_,
    "correlation": np.int64, "size_bytes": np.int64, "shapes": np.int32, "flags": np.int32,
}  # fmt: skip


class Columns:
    """Takes events of any phase; ``column`` gives the complete ones, pairs last."""

    def __init__(self) -> None:
        self.kinds, self.names, self.lanes, self.shapes = Kinds(), Names(), Lanes(), Shapes()
        self.lane_names = LaneNames()
        self.start, self.duration = Microseconds(), Microseconds()
        self.marks: dict[str, list[Any]] = {mark: [] for mark in WINDOW_MARKS}
        self.dropped = 0
        """How many events say no phase or are half of a pair."""
        self.halves: list[Event] = []
        self.parts: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in TYPES}

    def add(self, events: list[Event]) -> None:
        """Take some more events, in the order of the file."""
        complete = [event for event in events if event.ph == "X"]
        self._add(complete)
        if len(complete) < len(events):
            self._note([event for event in events if event.ph not in OF_NO_USE])
        if not self.names.keys().isdisjoint(WINDOW_MARKS):
            self._mark(complete)

    def _note(self, others: list[Event]) -> None:
        self.lane_names.learn(others)
        self.halves += [_on_its_own(event) for event in others if event.ph in ("B", "E")]
        self.dropped += sum(not event.ph for event in others)
        self._mark(others)

    def _mark(self, events: list[Event]) -> None:
        for event in events:
            if event.name in WINDOW_MARKS:
                self.marks[event.name].append(event.ts)

    def close(self) -> None:
        """Take the pairs of begin and end events. Nothing is added after this."""
        pairs = paired(self.halves)
        self.dropped += len(self.halves) - 2 * len(pairs)
        self.halves.clear()
        self._add(pairs)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of ``TYPES``, whole; one row per complete event."""
        return np.concatenate([np.empty(0, TYPES[name]), *self.parts[name]])

    def append(self, other: Columns) -> None:
        """Take the events of another part of the same trace, which lies behind this one."""
        described = other.shapes.described.strings()
        numbers = {
            "name": self.names.column(other.names),
            "lane": self.lanes.column(other.lanes),
            "shapes": np.array([self.shapes.described(text) for text in described], np.int32),
        }
        for name in TYPES:
            column = other.column(name)
            if name in numbers:
                column = np.append(numbers[name], np.int32(-1))[column]  # and -1 stays
            self.parts[name].append(column)
        self.start.append(other.start)
        self.duration.append(other.duration)
        self.lane_names.update(other.lane_names)
        for mark, times in other.marks.items():
            self.marks[mark] += times
        self.halves += other.halves
        self.dropped += other.dropped

    def _add(self, events: list[Event]) -> None:
        args = [event.args for event in events]
        name = self.names.column([event.name for event in events])
        kind = self.kinds.column([event.cat for event in events])
        self.names.part(name, kind)
        self.start.add([event.ts for event in events])
        self.duration.add([event.dur for event in events])
        process, thread = [event.pid for event in events], [event.tid for event in events]
        autograd, shapes = self._operators(args, kind, name)
        columns = {
            "kind": kind, "name": name, "is_frame": _frames(process) | (kind == FRAME),
            "lane": self.lanes.of(process, thread, args, np.flatnonzero(STREAMED[kind]).tolist()),
            "correlation": whole([one.correlation for one in args]),
            "size_bytes": _sizes(args, kind), "shapes": shapes,
            "flags": autograd | _graphs(args, kind),
        }  # fmt: skip
        for column, values in columns.items():
            self.parts[column].append(values.astype(TYPES[column], copy=False))

    def _operators(
        self, args: list[Args], kind: npt.NDArray[np.int8], name: Int32Array
    ) -> tuple[Int32Array, Int32Array]:
        """The columns of flags and of shapes, as far as they are the operators'."""
        rows = np.flatnonzero(kind == Kind.OP)
        theirs = [args[row] for row in rows.tolist()]
        recorded = [
            one.sequence is not None or one.forward_thread not in (0, None) for one in theirs
        ]
        flags, shapes = np.zeros(len(args), np.int32), np.full(len(args), -1, np.int32)
        flags[rows] = np.where(np.array(recorded, np.bool_), Flag.AUTOGRAD, 0)
        telling = [self.names[one] for one in TELLING if one in self.names]
        tells = self.names.among(name[rows], telling)
        shapes[rows] = self.shapes.of(theirs, np.flatnonzero(tells).tolist())
        return flags, shapes


def _frames(processes: list[Any]) -> npt.NDArray[np.bool_]:
    """Which are the tracer's own marks of what it watched, not something it saw."""
    if set(map(type, processes)) <= {int}:
        return np.zeros(len(processes), np.bool_)
    return np.array([process in FRAME_PROCESSES for process in processes], np.bool_)


def _sizes(args: list[Args], kind: npt.NDArray[np.int8]) -> Int64Array:
    size = np.full(len(args), -1, np.int64)
    rows = np.flatnonzero((kind == Kind.COPY) | (kind == Kind.MEMSET))
    size[rows] = np.maximum(whole([args[row].bytes for row in rows.tolist()]), -1)
    return size


def _graphs(args: list[Args], kind: npt.NDArray[np.int8]) -> Int32Array:
    """The flag of device work that says of which graph it is."""
    flags = np.zeros(len(args), np.int32)
    device = np.flatnonzero(ON_DEVICE[kind])
    in_graph = whole([args[row].graph for row in device.tolist()]) > 0
    flags[device] = np.where(in_graph, Flag.GRAPH, 0)
    return flags


def _on_its_own(event: Event) -> Event:
    """The event without its hold on the text that it was decoded from."""
    args = event.args
    event.args = msgspec.structs.replace(
        args, dims=args.dims.copy(), old_dims=args.old_dims.copy(),
        types=args.types.copy(), concrete=args.concrete.copy(),
    )  # fmt: skip
    return event
