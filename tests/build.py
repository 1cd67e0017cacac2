"""Recordings from one-line strings, in microseconds, for tests.

``"main: 10-12 call cudaLaunchKernel #1 | s7: 11-20 kernel gemm #1 | main: 0-9 range io:read"``

Lanes are ``main``, ``t2`` ... (threads) and ``s7`` (streams). After the kind comes the name. ``#n``
is a correlation id, ``@n`` a size in bytes, ``{...}`` an op's shapes, ``!autograd`` or ``!graph`` a
flag. ``main: 0-100 stack 20 serve.py:10:main > lib/json.py:3:dumps !io`` is 20 samples, spread
evenly, of one stack in one state; ``serve.py`` is the user's, ``lib/...`` is a library's, and
``serve.py:10.4:main`` is instruction 4 of line 10. A model is called where
``lib/torch/nn/modules/module.py:1:_call_impl`` follows. A ``request`` is
``main: 0-100 request`` with an optional phase (traced by default) and a content, as in
``request plain =7``.
"""

from __future__ import annotations

import re

from infprof.profiler.call_tree import MODEL_FILE
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
from infprof.profiler.stacks import Calls, CallsBuilder, Place, Stacks, State
from infprof.profiler.stages import STAGES
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
    calls, stacks = CallsBuilder(), list[tuple[int, int, int, int]]()
    for part in filter(None, (piece.strip() for piece in re.split(r"[|\n]", text))):
        found = ROW.fullmatch(part)
        assert found, part
        lane = lanes.setdefault(found["lane"], len(lanes))
        start, end = round(float(found["start"]) * 1000), round(float(found["end"]) * 1000)
        if found["kind"] == "request":
            phase, _, content = (part.strip() for part in found["rest"].partition("="))
            which = Phase[(phase or "traced").upper()]
            requests.append((start, end, lane, int(which), False, int(content or -1)))
        elif found["kind"] == "stack":
            stacks += _stack(calls, lane, found["rest"], start, end)
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
    tree = calls.build()
    header.model_calls = _model_calls(tree)
    tables = Requests.of(requests), Samples.of(points), Stacks.of(stacks, tree)
    return Recording(header, builder.build(), *tables)


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
    if kind == Kind.RANGE and name.partition(":")[0] in STAGES:
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


def _stack(
    calls: CallsBuilder, lane: int, rest: str, start: int, end: int
) -> list[tuple[int, int, int, int]]:
    states = [State[word.upper()] for word in re.findall(r"!(\w+)", rest)]
    count, path = re.sub(r"!\w+", "", rest).strip().split(" ", 1)
    call = -1
    for text in path.split(" > "):
        file, line, function = text.strip().split(":")
        number, _, offset = line.partition(".")
        place = Place(file, function, int(number), int(offset or -1), not file.startswith("lib/"))
        call = calls.add(call, place)
    step = (end - start) // int(count)
    state = states[0] if states else State.RUNNING
    return [(start + step // 2 + step * i, lane, call, int(state)) for i in range(int(count))]


def _model_calls(calls: Calls) -> list[int]:
    """Where ``nn.Module.__call__`` is called from outside of torch."""
    places = [calls.place(call) for call in range(len(calls))]
    inside = [one.file.endswith(MODEL_FILE) and "call_impl" in one.function for one in places]
    parents = {int(calls.parent[call]) for call in range(len(calls)) if inside[call]}
    return sorted(one for one in parents if one >= 0 and not inside[one])
