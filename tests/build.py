"""Recordings from one-line strings, in microseconds, for tests.

``"main: 10-12 call cudaLaunchKernel #1 | s7: 11-20 kernel gemm #1 | main: 0-9 range io:read"``

Lanes are ``main``, ``t2`` ... (threads) and ``s7`` (streams). After the kind comes the name. ``#n``
is a correlation id, ``@n`` a size in bytes, ``{...}`` an op's shapes, ``!autograd`` or ``!graph`` a
flag. A ``request`` is ``main: 0-100 request`` with an optional phase (traced by default).
"""

from __future__ import annotations

import re

from infprof.profiler.events import EventsBuilder, Flag, Kind
from infprof.profiler.recording import (
    Gpu,
    Header,
    Lane,
    Machine,
    Phase,
    Recording,
    Requests,
    Samples,
    Series,
    Subject,
)
from infprof.profiler.timeline import Timeline

A100 = Gpu(
    name="NVIDIA A100-SXM4-80GB",
    sm_major=8,
    sm_minor=0,
    multiprocessors=108,
    memory_bytes=80 * 10**9,
)
ROW = re.compile(
    r"(?P<lane>\w+):\s*(?P<start>[\d.]+)-(?P<end>[\d.]+)\s+(?P<kind>\w+)\s*(?P<rest>.*)"
)


def recording(
    text: str,
    *,
    gpus: tuple[Gpu, ...] = (A100,),
    missing: dict[str, str] | None = None,
    flags: dict[str, bool | int | str | None] | None = None,
    series: dict[str, list[tuple[int, float]]] | None = None,
    kind: str = "run",
) -> Recording:
    """The recording that ``text`` describes. ``series`` maps a name to (microsecond, value)."""
    builder, lanes, requests = EventsBuilder(), dict[str, int](), []
    for part in filter(None, (piece.strip() for piece in re.split(r"[|\n]", text))):
        found = ROW.fullmatch(part)
        assert found, part
        lane = lanes.setdefault(found["lane"], len(lanes))
        start, end = round(float(found["start"]) * 1000), round(float(found["end"]) * 1000)
        if found["kind"] == "request":
            phase = Phase[(found["rest"].strip() or "traced").upper()]
            requests.append((start, end, lane, int(phase), False))
        else:
            _add(builder, lane, Kind[found["kind"].upper()], found["rest"], start, end)
    header = Header(
        subject=Subject(kind=kind, name="test"),  # type: ignore[arg-type]
        machine=Machine(gpus=list(gpus)),
        lanes=[_lane(name) for name in lanes],
        missing=missing or {},
        flags=flags or {},
        requests_seen=len(requests),
        series=[
            Series(name=name, source=name.partition(".")[0], unit="", device=0)
            for name in series or {}
        ],
    )
    points = [
        (index, time * 1000, value)
        for index, values in enumerate((series or {}).values())
        for time, value in values
    ]
    return Recording(header, builder.build(), Requests.of(requests), Samples.of(points))


def timeline(text: str, **options: object) -> Timeline:
    """``recording(...)`` as a Timeline."""
    return Timeline(recording(text, **options))  # type: ignore[arg-type]


def _lane(name: str) -> Lane:
    if name.startswith("s"):
        return Lane(type="stream", device=0, id=int(name[1:] or 0))
    return Lane(type="thread", process=1, id=1 if name == "main" else int(name[1:]), name=name)


def _add(builder: EventsBuilder, lane: int, kind: Kind, rest: str, start: int, end: int) -> None:
    shapes = re.search(r"\{.*\}", rest)
    rest = rest.replace(shapes[0], "") if shapes else rest
    marks = dict(re.findall(r"(?<!\w)([#@])(\d+)", rest))
    flags = sum(Flag[word.upper()] for word in re.findall(r"!(\w+)", rest))
    name = re.sub(r"(?<!\w)[#@]\d+|!\w+", "", rest).strip() or kind.name.lower()
    stage = None
    if kind == Kind.RANGE and ":" in name:
        stage, _, name = name.partition(":")
    builder.add(
        kind,
        lane,
        name,
        start,
        end,
        stage=stage or None,
        flags=flags,
        correlation=int(marks.get("#", -1)),
        size_bytes=int(marks.get("@", -1)),
        shapes=shapes[0] if shapes else None,
    )
