"""The events of a Kineto trace in the Recording's terms: those of a known kind, sorted by start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.events import DEVICE_KINDS, STAGES, Events, Flag, Kind
from infprof.profiler.intervals import Int64Array
from infprof.profiler.kineto.columns import Columns
from infprof.profiler.kineto.lanes import Key, LaneNames
from infprof.profiler.kineto.tables import Int32Array, Table, in_order_of_sight
from infprof.profiler.kineto.times import Times
from infprof.profiler.names import call_class
from infprof.profiler.recording import Lane, Phase, Requests


@dataclass(frozen=True, slots=True)
class Rows:
    """A trace's events, where they ran, and the requests that ``infprof`` marked."""

    events: Events
    lanes: list[Lane]
    requests: Requests


def rows_of(columns: Columns, times: Times) -> Rows:
    """Columns of the events that are sound and of a known kind."""
    known = np.flatnonzero(times.sound & (columns.column("kind") >= 0))
    kind, raw_name, correlation, flags = (
        columns.column(name)[known] for name in ("kind", "name", "correlation", "flags")
    )
    start_ns, end_ns = times.start_ns[known], times.end_ns[known]
    lane, lane_order = in_order_of_sight(columns.column("lane")[known], len(columns.lanes))
    name, stage, is_request, names = _ours(kind, raw_name, list(columns.names))
    requests = [
        (int(start_ns[row]), int(end_ns[row]), int(lane[row]), int(Phase.TRACED), False)
        for row in np.flatnonzero(is_request).tolist()
    ]
    correlation[correlation <= 0] = -1
    described = columns.shapes.described.strings()
    shapes, shape_order = in_order_of_sight(columns.column("shapes")[known], len(described))
    table = Events(
        kind=kind, lane=lane, name=name, start_ns=start_ns, end_ns=end_ns, correlation=correlation,
        size_bytes=columns.column("size_bytes")[known], stage=stage, shapes=shapes,
        flags=flags | _graphs(kind, correlation, name, names),
        names=names, shape_names=tuple(described[number] for number in shape_order),
    )  # fmt: skip
    order = np.lexsort((-end_ns, start_ns))
    keys = list(columns.lanes)
    lanes = [_lane(keys[one], place, columns.lane_names) for place, one in enumerate(lane_order)]
    return Rows(table.take(order[~is_request[order]]), lanes, Requests.of(requests))


def _lane(key: Key, position: int, names: LaneNames) -> Lane:
    stream, place, number = key
    numbered = number if isinstance(number, int) else -1 - position  # only has to be its own
    known_place = place if isinstance(place, int) and place >= 0 else None
    if stream:
        return Lane(type="stream", device=known_place, id=numbered, name=f"stream {number}")
    name = names.get((place, number)) or names.get((place, None)) or f"thread {number}"
    return Lane(type="thread", process=known_place, id=numbered, name=name)


def _ours(
    kind: npt.NDArray[np.int8], raw: Int32Array, names: list[str]
) -> tuple[Int32Array, npt.NDArray[np.int8], npt.NDArray[np.bool_], tuple[str, ...]]:
    """Names and stages, with ``infprof:<stage>:<name>`` understood; which rows are our requests."""
    stage = np.full(len(kind), -1, np.int8)
    is_request = np.zeros(len(kind), np.bool_)
    table = Table[str]()
    column = table.column(names)[raw]  # the same numbers, for they are all distinct
    ranges = np.flatnonzero(kind == Kind.RANGE)
    distinct, which = np.unique(raw[ranges], return_inverse=True)
    for position, number in enumerate(distinct.tolist()):
        owner, _, rest = names[number].partition(":")
        label, _, name = rest.partition(":")
        rows = ranges[which == position]
        if owner == "infprof" and label == "request":
            is_request[rows] = True
        elif owner == "infprof" and name and label in ("", *STAGES):
            column[rows] = table[name]
            stage[rows] = STAGES.index(label) if label else -1
    column, order = in_order_of_sight(column, len(table))
    final = list(table)
    return column, stage, is_request, tuple(final[number] for number in order)


def _graphs(
    kind: npt.NDArray[np.int8], correlation: Int64Array, name: Int32Array, names: tuple[str, ...]
) -> Int32Array:
    """The flag of device work that the launch of a graph started."""
    calls = np.flatnonzero(kind == Kind.CALL)
    called = np.flatnonzero(np.bincount(name[calls])).tolist()
    graphs = [number for number in called if call_class(names[number]) == "graph"]
    launches = calls[np.isin(name[calls], graphs)]
    on_device = np.isin(kind, DEVICE_KINDS) & (correlation > 0)
    launched = on_device & np.isin(correlation, correlation[launches])
    return np.where(launched, Flag.GRAPH, 0).astype(np.int32)
