"""Events as columns: one row per event, no Python object per event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt

from infprof.profiler.interner import Interner as Interner
from infprof.profiler.intervals import Int64Array, Intervals
from infprof.profiler.stages import STAGES as STAGES


class Kind(IntEnum):
    """What a row is. Device rows lie on stream lanes, all others on thread lanes."""

    RANGE = 0
    """A named host interval: ``infprof.annotate``, ``record_function``, NVTX."""
    OP = 1
    """A framework operator."""
    CALL = 2
    """A CUDA, HIP or driver API call on the host; launches, copies, syncs and allocations."""
    KERNEL = 3
    COPY = 4
    MEMSET = 5
    SYNC = 6
    """A synchronisation as the device reports it."""
    PYTHON = 7
    """A Python or nn.Module call recorded with stacks."""
    OVERHEAD = 8
    """Work of the profiler or of lazy loading, as the profiler itself reports it."""


DEVICE_KINDS = (Kind.KERNEL, Kind.COPY, Kind.MEMSET)


class Flag(IntFlag):
    """Facts about one row, or-ed together."""

    AUTOGRAD = 1
    """The op carried an autograd sequence number: gradients were being recorded."""
    GRAPH = 2
    """The device work came from a CUDA graph."""


@dataclass(frozen=True, slots=True)
class Events:
    """Columns of one length, sorted by start. ``-1`` as an index, size or id means unknown."""

    kind: npt.NDArray[np.int8]
    lane: npt.NDArray[np.int32]
    """Index into the recording's lanes."""
    name: npt.NDArray[np.int32]
    """Index into ``names``."""
    start_ns: Int64Array
    end_ns: Int64Array
    correlation: Int64Array
    """Id shared by a launch and the device work it enqueued."""
    size_bytes: Int64Array
    """Bytes moved by a copy or a memset."""
    stage: npt.NDArray[np.int8]
    """Index into ``STAGES`` where a range declares one."""
    shapes: npt.NDArray[np.int32]
    """Index into ``shape_names``: an op's input shapes and types as the trace wrote them."""
    flags: npt.NDArray[np.int32]
    names: tuple[str, ...]
    shape_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start_ns)

    def intervals(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Intervals:
        """The time spans of some rows."""
        return Intervals(self.start_ns[rows], self.end_ns[rows])

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Events:
        """A copy with only these rows; the tables of names stay."""
        return replace(self, **{column: getattr(self, column)[rows] for column in COLUMNS})


TYPES: dict[str, type[np.generic]] = {
    "kind": np.int8, "lane": np.int32, "name": np.int32, "start_ns": np.int64, "end_ns": np.int64,
    "correlation": np.int64, "size_bytes": np.int64, "stage": np.int8, "shapes": np.int32,
    "flags": np.int32,
}  # fmt: skip
COLUMNS = tuple(field.name for field in fields(Events) if field.name in TYPES)


class EventsBuilder:
    """Collects rows one at a time and hands out sorted ``Events``. For importers and tests."""

    def __init__(self) -> None:
        self.columns: dict[str, list[int]] = {column: [] for column in COLUMNS}
        self.names, self.shape_names = Interner(), Interner()

    def add(
        self, kind: Kind, lane: int, name: str, start_ns: int, end_ns: int, *,
        correlation: int = -1, size_bytes: int = -1, stage: str | None = None,
        shapes: str | None = None, flags: int = 0,
    ) -> None:  # fmt: skip
        """Append one row. ``stage`` must be one of ``STAGES``."""
        row = (
            kind, lane, self.names(name), start_ns, end_ns, correlation, size_bytes,
            -1 if stage is None else STAGES.index(stage),
            -1 if shapes is None else self.shape_names(shapes), flags,
        )  # fmt: skip
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)

    def build(self) -> Events:
        """All rows so far, sorted by start, longest first among equals (so parents precede)."""
        columns = {
            column: np.asarray(values, TYPES[column]) for column, values in self.columns.items()
        }
        order = np.lexsort((-columns["end_ns"], columns["start_ns"]))
        return Events(
            **{column: values[order] for column, values in columns.items()},
            names=self.names.strings(), shape_names=self.shape_names.strings(),
        )  # fmt: skip


def concatenate(parts: Sequence[tuple[Events, int, npt.NDArray[np.int32]]]) -> Events:
    """Join events of several sources: each with a clock offset in ns and its lanes' new indices.

    Correlation ids of different sources are kept apart by numbering them anew.
    """
    names, shape_names = Interner(), Interner()
    columns: dict[str, list[npt.NDArray[np.generic]]] = {column: [] for column in COLUMNS}
    next_id = 0
    for events, offset, lanes in parts:
        moved = {column: getattr(events, column) for column in COLUMNS}
        moved["name"] = _reindex(events.name, events.names, names)
        moved["shapes"] = _reindex(events.shapes, events.shape_names, shape_names)
        moved["lane"] = lanes[events.lane] if len(events) else events.lane
        moved["start_ns"], moved["end_ns"] = events.start_ns + offset, events.end_ns + offset
        known, dense = np.unique(events.correlation, return_inverse=True)
        moved["correlation"] = np.where(events.correlation < 0, -1, dense + next_id)
        next_id += len(known)
        for column in COLUMNS:
            columns[column].append(moved[column])
    joined = {
        column: np.concatenate(arrays).astype(TYPES[column])
        if arrays
        else np.array([], TYPES[column])
        for column, arrays in columns.items()
    }
    order = np.lexsort((-joined["end_ns"], joined["start_ns"]))
    return Events(
        **{column: values[order] for column, values in joined.items()},
        names=names.strings(), shape_names=shape_names.strings(),
    )  # fmt: skip


def _reindex(
    column: npt.NDArray[np.int32], strings: tuple[str, ...], into: Interner
) -> npt.NDArray[np.int32]:
    table = np.array([into(text) for text in strings] + [-1], np.int32)
    return table[column]


NO_EVENTS = EventsBuilder().build()
