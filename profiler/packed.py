"""An imported trace as bytes, for another process; no pickle, which runs whatever it is told to.

Sampled stacks and series are left out, for such a trace has none.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from infprof.profiler.events import COLUMNS, Events
from infprof.profiler.recording import Header, Recording, Requests

REQUESTS = tuple(field.name for field in fields(Requests))


class _Column(msgspec.Struct, array_like=True):
    type: str
    data: bytes


class _Packed(msgspec.Struct):
    header: str
    events: dict[str, _Column]
    names: list[str]
    shape_names: list[str]
    requests: dict[str, _Column]


def pack(recording: Recording) -> bytes:
    """Its header, events and requests."""
    events, requests = recording.events, recording.requests
    packed = _Packed(
        recording.header.model_dump_json(by_alias=True),
        {name: _column(getattr(events, name)) for name in COLUMNS},
        list(events.names),
        list(events.shape_names),
        {name: _column(getattr(requests, name)) for name in REQUESTS},
    )
    return msgspec.msgpack.encode(packed)


def unpack(data: bytes) -> Recording:
    """What ``pack`` made. Raises ``ValueError`` for anything else."""
    packed = msgspec.msgpack.decode(data, type=_Packed)
    return Recording(
        Header.model_validate_json(packed.header),
        Events(
            **{name: _array(packed.events[name]) for name in COLUMNS},
            names=tuple(packed.names),
            shape_names=tuple(packed.shape_names),
        ),
        Requests(**{name: _array(packed.requests[name]) for name in REQUESTS}),
    )


def _column(array: npt.NDArray[np.generic]) -> _Column:
    return _Column(array.dtype.str, array.tobytes())


def _array(column: _Column) -> npt.NDArray[Any]:
    return np.frombuffer(bytearray(column.data), column.type)  # bytes would be read-only
