"""Chrome trace JSON as typed events: the strict and fast way, for files that are as they should be.

Only the fields we use are decoded; everything else, also what a trace tells about its host or job,
is skipped unread. A file that is not as it should be goes to ``trace_salvage``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

EXACT_US = float(1 << 43)
"""Beyond this a float of microseconds cannot tell two nanoseconds apart."""


class Args(
    Struct, frozen=True, gc=False,
    rename={
        "graph": "graph id", "sequence": "Sequence number", "forward_thread": "Fwd thread id",
        "dims": "Input Dims", "old_dims": "Input dims", "types": "Input type",
        "concrete": "Concrete Inputs",
    },
):  # fmt: skip
    """The arguments we use of an event; ``Any`` where files differ in the type."""

    name: Any = None
    correlation: Any = None
    bytes: Any = None
    device: Any = None
    stream: Any = None
    graph: Any = None
    sequence: Any = None
    forward_thread: Any = None
    dims: Raw = Raw()
    old_dims: Raw = Raw()
    types: Raw = Raw()
    concrete: Raw = Raw()


NO_ARGS = Args()


class Event(Struct, gc=False):
    """One event; times are microseconds in whatever number type the reader chose."""

    ph: str = ""
    cat: str = ""
    name: str = ""
    pid: Any = None
    tid: Any = None
    ts: Any = None
    dur: Any = None
    args: Args = NO_ARGS


class About(Struct, kw_only=True):
    """What we keep of a trace's own description; nothing else of it is read."""

    deviceProperties: Any = None
    baseTimeNanoseconds: Any = None
    cuda_runtime_version: Any = None
    hip_runtime_version: Any = None
    roctracer_version: Any = None


class _Document(About, kw_only=True):
    traceEvents: list[Event]


_ExactEvent = msgspec.defstruct(
    "_ExactEvent",
    [("ts", Decimal | None, None), ("dur", Decimal | None, None)],
    bases=(Event,),
    gc=False,
)
_ExactDocument = msgspec.defstruct(
    "_ExactDocument",
    [("traceEvents", list[_ExactEvent])],  # type: ignore[valid-type]
    bases=(About,),
    kw_only=True,
)


class ChromeTrace(NamedTuple):
    """A trace file as read, and what of it could not be."""

    events: list[Event]
    about: About
    cuts: list[str]
    dropped: int


def read(data: bytes) -> ChromeTrace:
    """Decode a well-formed trace.

    Raises ``MsgspecError``, ``UnicodeDecodeError`` or ``RecursionError`` for any other.
    """
    trace = _decode(data, list[Event], _Document)
    if any(type(event.ts) is float and _inexact(event.ts) for event in trace.events):
        trace = _decode(data, list[_ExactEvent], _ExactDocument)  # type: ignore[valid-type]
    return trace


def _decode(data: bytes, listed: Any, document: Any) -> ChromeTrace:
    if data.lstrip()[:1] == b"[":
        return ChromeTrace(msgspec.json.decode(data, type=listed), About(), [], 0)
    decoded = msgspec.json.decode(data, type=document)
    return ChromeTrace(decoded.traceEvents, decoded, [], 0)


def _inexact(microseconds: float) -> bool:
    return abs(microseconds) > EXACT_US and not microseconds.is_integer()
