"""ONNX Runtime's own profile (``SessionOptions.enable_profiling``): each run, and each node in it.

A run is a request. A node's time is the host's: of a node on a GPU it is what launching took, and
of a ``Memcpy`` node also what it waited for. So nodes are ranges of the model's compute, neither
operators nor copies: what the device did meanwhile the profile does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from infprof.profiler.events import EventsBuilder, Kind
from infprof.profiler.kineto import trace_file
from infprof.profiler.recording import (
    BadInput,
    Header,
    Lane,
    Note,
    Phase,
    Recording,
    Requests,
    Subject,
)

SIGN = re.compile(rb'"name"\s*:\s*"(session_initialization|model_loading_\w+)"')
"""The session's beginning is in each profile, before any node."""

RUN, NODE = "model_run", "_kernel_time"
REASON = "ONNX Runtime's profile tells of its nodes, and not of that"


def recognises(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.lstrip().startswith(b"[") and SIGN.search(head) is not None


def read(path: Path) -> Recording:
    """The runs and their nodes. Raises ``BadInput``."""
    contents = trace_file.contents(path)
    events, cut = _events(path, contents.data)
    lanes, requests, rows = dict[tuple[int, int], int](), list[tuple[int, ...]](), EventsBuilder()
    for event in events:
        start, end = event["ts"] * 1000, (event["ts"] + event["dur"]) * 1000
        lane = lanes.setdefault((event["pid"], event["tid"]), len(lanes))
        if event["name"] == RUN:
            requests.append((start, end, lane, int(Phase.TRACED), False))
        elif event["name"].endswith(NODE):
            args = event.get("args", {})
            name = f"{args.get('op_name', '')} ({args.get('provider', '')})"
            rows.add(Kind.RANGE, lane, name, start, end, stage="compute")
    if not requests:
        raise BadInput(f"{path}: a profile of ONNX Runtime without a run; let it run the model")
    return Recording(_header(path, list(lanes), cut or contents.cut, len(requests)),
                     rows.build(), Requests.of(_first_is_cold(requests)))  # fmt: skip


def _events(path: Path, data: bytes) -> tuple[Iterator[dict[str, Any]], str | None]:
    """Those that are whole, and how the list was incomplete: a program that ends without
    ``end_profiling`` leaves it open. Raises ``BadInput``."""
    cut = None
    if not data.rstrip().endswith(b"]"):
        cut = "the profile breaks off: the session was not ended by end_profiling"
        data = data[: data.rfind(b"},") + 1] + b"]"
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); copy the profile again") from error
    return (one for one in found if _is_whole(one)), cut


def _is_whole(event: object) -> bool:
    return (
        isinstance(event, dict)
        and isinstance(event.get("name"), str)
        and all(isinstance(event.get(one), int) for one in ("ts", "dur", "pid", "tid"))
        and isinstance(event.get("args", {}), dict)
        and event["dur"] >= 0
        and abs(event["ts"]) + event["dur"] < 1 << 53
    )


def _first_is_cold(requests: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The first run of several makes buffers and chooses algorithms."""
    first, *others = sorted(requests)
    return [(*first[:3], int(Phase.COLD), *first[4:]), *others] if others else [first]


def _header(path: Path, lanes: list[tuple[int, int]], cut: str | None, runs: int) -> Header:
    return Header(
        subject=Subject(kind="trace", name=path.name),
        lanes=[Lane(type="thread", process=pid, id=tid) for pid, tid in lanes],
        missing=dict.fromkeys(("kernels", "ops", "stacks"), REASON),
        notes=[Note(code="onnxruntime", text="Times of nodes are the host's: of a node on a GPU, "
                    "what launching took; of a copy, also what it waited for.")],
        cuts=[cut] if cut else [],
        requests_seen=runs,
    )  # fmt: skip
