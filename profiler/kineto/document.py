"""Chrome trace JSON as typed events: the strict and fast way, for files that are as they should be.

Only the fields we use are decoded; everything else, also what a trace tells about its host or job,
is skipped unread. A file that is not as it should be goes to ``trace_salvage``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np
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
    correlation: Any = -1  # numbers that mean nothing, for a column of one type is made faster
    bytes: Any = -1
    device: Any = None
    stream: Any = None
    graph: Any = -1
    sequence: Any = None
    forward_thread: Any = 0
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


class Reader:
    """Decodes well-formed traces; ``exact`` for those whose times need every digit.

    A trace is an object with the list ``traceEvents``, or, where ``listed``, just such a list.
    """

    def __init__(self, *, exact: bool, listed: bool) -> None:
        self.exact, self.listed = exact, listed
        event, document = (_ExactEvent, _ExactDocument) if exact else (Event, _Document)
        wanted: Any = list[event] if listed else document  # type: ignore[valid-type]
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(wanted)

    def read(self, data: bytes) -> ChromeTrace:
        """Raises ``NotExact`` where an exact reader is needed, and ``UNREADABLE`` errors."""
        decoded = self._decoder.decode(data)
        about = About() if self.listed else decoded
        events: list[Event] = decoded if self.listed else decoded.traceEvents
        if not self.exact and _any_inexact([event.ts for event in events]):
            raise NotExact
        return ChromeTrace(events, about, [], 0)


class NotExact(ArithmeticError):
    """Some time has more digits than a float."""


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for anything that is no well-formed trace."""


def is_listed(data: bytes) -> bool:
    """Whether a trace that begins so is just a list of events."""
    return data.lstrip()[:1] == b"["


def read(data: bytes) -> ChromeTrace:
    """Decode a well-formed trace. Raises ``UNREADABLE`` errors for any other."""
    listed = is_listed(data)
    try:
        return Reader(exact=False, listed=listed).read(data)
    except NotExact:
        return Reader(exact=True, listed=listed).read(data)


def _any_inexact(microseconds: list[Any]) -> bool:
    if float not in set(map(type, microseconds)):
        return False
    floats = np.array([value for value in microseconds if type(value) is float])
    far = floats[np.abs(floats) > EXACT_US]
    return bool((far != np.floor(far)).any())
