"""A part of a trace as bytes, for another process; no pickle, which runs whatever it is told to."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from infprof.profiler.kineto.columns import TYPES, Columns
from infprof.profiler.kineto.lanes import Id
from infprof.profiler.kineto.numbers import Microseconds
from infprof.profiler.kineto.parts import Part


class _Packed(msgspec.Struct):
    head: bytes
    tail: bytes
    cut: str | None
    names: list[str]
    lanes: list[tuple[bool, Id, Id]]
    lane_names: list[tuple[Id, Id | None, str]]
    shapes: list[str]
    marks: dict[str, list[Any]]
    dropped: int
    start: bytes
    duration: bytes
    columns: dict[str, bytes]


def pack(part: Part) -> bytes:
    """Raises ``ValueError`` for the rare events that cannot be told so: halves of a pair, times
    that are no plain numbers, ids of more than 64 bits."""
    columns = part.columns
    if columns.halves or not (columns.start.plain and columns.duration.plain):
        raise ValueError("not plain enough")
    packed = _Packed(
        part.head, part.tail, part.cut,
        names=list(columns.names),
        lanes=list(columns.lanes),
        lane_names=[(*lane, name) for lane, name in columns.lane_names.items()],
        shapes=list(columns.shapes.described.strings()),
        marks=columns.marks,
        dropped=columns.dropped,
        start=_floats(columns.start).tobytes(),
        duration=_floats(columns.duration).tobytes(),
        columns={name: columns.column(name).tobytes() for name in TYPES},
    )  # fmt: skip
    try:
        return msgspec.msgpack.encode(packed)
    except OverflowError as error:
        raise ValueError("numbers of more than 64 bits") from error


def unpack(data: bytes) -> Part:
    """What ``pack`` made. Raises ``ValueError`` for anything else."""
    packed = msgspec.msgpack.decode(data, type=_Packed)
    columns = Columns()
    columns.names.column(packed.names)
    columns.lanes.column(packed.lanes)
    columns.lane_names.update({(place, number): name for place, number, name in packed.lane_names})
    for text in packed.shapes:
        columns.shapes.described(text)
    columns.marks, columns.dropped = packed.marks, packed.dropped
    columns.start.parts.append(np.frombuffer(packed.start))
    columns.duration.parts.append(np.frombuffer(packed.duration))
    for name, kind in TYPES.items():
        columns.parts[name].append(np.frombuffer(packed.columns[name], kind))
    return Part(columns, packed.head, packed.tail, packed.cut)


def _floats(times: Microseconds) -> npt.NDArray[np.float64]:
    floats = [part for part in times.parts if isinstance(part, np.ndarray)]
    return np.concatenate([np.empty(0), *floats])
