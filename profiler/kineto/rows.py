"""The events of a Kineto trace as columns: what kind each is, on which lane, of which launch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from infprof.profiler.events import DEVICE_KINDS, STAGES, Events, Flag, Interner, Kind
from infprof.profiler.intervals import Int64Array
from infprof.profiler.kineto.document import Event
from infprof.profiler.kineto.lanes import lanes_of
from infprof.profiler.kineto.numbers import whole
from infprof.profiler.kineto.times import Times
from infprof.profiler.names import call_class
from infprof.profiler.recording import Lane, Phase, Requests

KINDS = {
    "cpu_op": Kind.OP, "operator": Kind.OP, "user_annotation": Kind.RANGE,
    "kernel": Kind.KERNEL, "gpu_memcpy": Kind.COPY, "memcpy": Kind.COPY,
    "gpu_memset": Kind.MEMSET, "memset": Kind.MEMSET, "cuda_sync": Kind.SYNC,
    "python_function": Kind.PYTHON, "overhead": Kind.OVERHEAD, "runtime": Kind.CALL,
}  # fmt: skip
"""By category in lower case. ``gpu_user_annotation`` is no device work but a shadow of ranges."""
CALLS = ("_runtime", "_driver")
RANGES = ("infprof:", "ProfilerStep#", "enumerate(DataLoader)#", "Optimizer.")
"""Names of ranges that some versions record in the category of operators."""
CASTS = ("aten::to", "aten::_to_copy")
"""The ops whose concrete inputs tell a rule something: the type that is cast to."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A trace's events in the Recording's terms."""

    events: Events
    lanes: list[Lane]
    requests: Requests


def _kind_of(event: Event) -> int:
    """The row's ``Kind``, -1 for what is none of ours."""
    category = event.cat.lower()
    kind = KINDS.get(category, Kind.CALL if category.endswith(CALLS) else -1)
    return Kind.RANGE if kind == Kind.OP and event.name.startswith(RANGES) else kind


def rows_of(times: Times, lane_names: dict[tuple[Any, Any], str]) -> Rows:
    """Columns of the events that are of a known kind."""
    kind = np.array([_kind_of(event) for event in times.events], np.int8)
    known = np.flatnonzero(kind >= 0)
    kind, start_ns, end_ns = kind[known], times.start_ns[known], times.end_ns[known]
    events = [times.events[row] for row in known.tolist()]
    lane, lanes = lanes_of(events, np.isin(kind, [*DEVICE_KINDS, Kind.SYNC]), lane_names)
    names, stage, is_request = _ours(events, kind)
    requests = [
        (int(start_ns[row]), int(end_ns[row]), int(lane[row]), int(Phase.TRACED), False)
        for row in np.flatnonzero(is_request).tolist()
    ]
    correlation = whole([event.args.correlation for event in events])
    correlation[correlation <= 0] = -1
    shapes, shape_names = _shapes(events, kind)
    interned = Interner()
    table = Events(
        kind=kind, lane=lane, name=np.array([interned(name) for name in names], np.int32),
        start_ns=start_ns, end_ns=end_ns, correlation=correlation,
        size_bytes=_sizes(events, kind), stage=stage, shapes=shapes,
        flags=_flags(events, kind, correlation),
        names=interned.strings(), shape_names=shape_names,
    )  # fmt: skip
    order = np.lexsort((-end_ns, start_ns))
    return Rows(table.take(order[~is_request[order]]), lanes, Requests.of(requests))


def _ours(
    events: list[Event], kind: npt.NDArray[np.int8]
) -> tuple[list[str], npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Names and stages, with ``infprof:<stage>:<name>`` understood; which rows are our requests."""
    names = [event.name for event in events]
    stage = np.full(len(events), -1, np.int8)
    is_request = np.zeros(len(events), np.bool_)
    for row in np.flatnonzero(kind == Kind.RANGE).tolist():
        owner, _, rest = names[row].partition(":")
        label, _, name = rest.partition(":")
        if owner == "infprof" and label == "request":
            is_request[row] = True
        elif owner == "infprof" and name and label in ("", *STAGES):
            names[row] = name
            stage[row] = STAGES.index(label) if label else -1
    return names, stage, is_request


def _sizes(events: list[Event], kind: npt.NDArray[np.int8]) -> Int64Array:
    size = np.full(len(events), -1, np.int64)
    rows = np.flatnonzero((kind == Kind.COPY) | (kind == Kind.MEMSET))
    size[rows] = np.maximum(whole([events[row].args.bytes for row in rows.tolist()]), -1)
    return size


def _flags(
    events: list[Event], kind: npt.NDArray[np.int8], correlation: Int64Array
) -> npt.NDArray[np.int32]:
    flags = np.zeros(len(events), np.int32)
    operators = np.flatnonzero(kind == Kind.OP)
    flags[operators] = [
        Flag.AUTOGRAD * (args.sequence is not None or args.forward_thread not in (None, 0))
        for args in (events[row].args for row in operators.tolist())
    ]
    calls = np.flatnonzero(kind == Kind.CALL).tolist()
    launches = [row for row in calls if call_class(events[row].name) == "graph"]
    device = np.flatnonzero(np.isin(kind, DEVICE_KINDS))
    launched = np.isin(correlation[device], correlation[launches]) & (correlation[device] > 0)
    in_graph = whole([events[row].args.graph for row in device.tolist()]) > 0
    flags[device] = np.where(launched | in_graph, Flag.GRAPH, 0)
    return flags


def _shapes(
    events: list[Event], kind: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Index and table of the ops' inputs; each distinct text of the file is decoded once."""
    column = np.full(len(events), -1, np.int32)
    seen: defaultdict[tuple[bytes, bytes, bytes], list[int]] = defaultdict(list)
    for row in np.flatnonzero(kind == Kind.OP).tolist():
        args = events[row].args
        dims = bytes(args.dims) or bytes(args.old_dims)
        if dims:
            concrete = bytes(args.concrete) if events[row].name in CASTS else b""
            seen[dims, bytes(args.types), concrete].append(row)
    interned = Interner()
    for texts, rows in seen.items():
        described = _described(*texts)
        if described is not None:
            column[rows] = interned(described)
    return column, interned.strings()


def _described(dims: bytes, types: bytes, concrete: bytes) -> str | None:
    """Compact JSON of an op's inputs; ``None`` for what is not JSON."""
    texts = {"dims": dims, "types": types or b"[]", "concrete": concrete}
    decode: Callable[[bytes], Any] = msgspec.json.decode
    try:
        inputs = {key: decode(text) for key, text in texts.items() if text}
    except (ValueError, RecursionError):
        return None
    return msgspec.json.encode(inputs).decode()
