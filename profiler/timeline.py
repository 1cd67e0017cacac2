"""The Timeline: a Recording read as lanes of typed intervals, and the requests to explain.

Built from any Recording; past here nothing knows which format the events came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import DEVICE_KINDS, Events, Kind
from infprof.profiler.host_samples import HostSamples
from infprof.profiler.intervals import Int64Array, Intervals, union
from infprof.profiler.mixture import Mixture
from infprof.profiler.recording import Phase, Recording
from infprof.profiler.stages import STAGES
from infprof.profiler.stints import NOBODY

Rows = npt.NDArray[np.intp]

MOST_EXPLAINED = 500
"""Of more requests every nth is explained: a share is no surer from all of them."""

ROUNDING_NS = 2_000
"""Old traces give whole microseconds: an inner event may seem to outlast its outer one by two."""


@dataclass(frozen=True, slots=True)
class Request:
    """One stretch of wall time to explain: ``[start_ns, end_ns)`` on one thread."""

    start_ns: int
    end_ns: int
    lane: int | None
    """The thread that served it; ``None`` in a trace that marks no requests: all threads count."""
    number: int = NOBODY
    """By which its stints know it."""

    @property
    def wall_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True)
class Timeline:
    """Typed views on a recording's events. All views are computed once, when first asked for."""

    recording: Recording
    phases: tuple[Phase, ...] = (Phase.TRACED, Phase.PLAIN)
    """Which requests to explain: those of the first phase that has any."""
    model_mixtures: Mapping[str, Mixture] = field(default_factory=dict)
    """How a model's call divides where no tracer saw it (``untraced``), by the range's name."""

    @property
    def events(self) -> Events:
        return self.recording.events

    @cached_property
    def by_kind(self) -> dict[Kind, Rows]:
        """Row numbers of each kind, in order of start."""
        return {kind: np.flatnonzero(self.events.kind == kind) for kind in Kind}

    def of(self, *kinds: Kind) -> Rows:
        """Row numbers of these kinds, in order of start."""
        wanted = np.zeros(len(Kind), np.bool_)
        wanted[list(kinds)] = True
        return np.flatnonzero(wanted[self.events.kind])

    @cached_property
    def device_rows(self) -> Rows:
        """Kernels, copies and memsets."""
        return self.of(*DEVICE_KINDS)

    @cached_property
    def samples(self) -> HostSamples:
        """The sampled stacks with their stages; empty where none were taken."""
        return HostSamples(self.recording)

    @cached_property
    def model_spans(self) -> Rows:
        """Ranges that say when a model ran, as our own hooks saw it."""
        return self.where(
            Kind.RANGE, lambda name: "model" if names.model_call(name) else None, "model"
        )

    @cached_property
    def model_ranges(self) -> Rows:
        """Ranges in which a model ran: as our own hooks saw it, or declared to compute."""
        ranges = self.by_kind[Kind.RANGE]
        declared = ranges[self.events.stage[ranges] == STAGES.index("compute")]
        return np.union1d(self.model_spans, declared)

    @cached_property
    def is_cut_by_code(self) -> bool:
        """Whether the code around the models' calls is known well enough to tell what it is for:
        then an op out there is no model's compute, but part of what that code does."""
        return len(self.model_spans) > 0 and bool(self.samples.of_requests.any())

    @property
    def has_device(self) -> bool:
        """Whether any work on a device was observed."""
        return len(self.device_rows) > 0

    @cached_property
    def uses_device(self) -> bool:
        """Whether work was sent to a device, though its activity may be missing."""
        sent = ("launch", "graph", "copy", "set")
        return self.has_device or len(self.where(Kind.CALL, names.call_class, *sent)) > 0

    def name(self, row: int | np.intp) -> str:
        """The event's name."""
        return self.events.names[int(self.events.name[row])]

    def label(self, rows: Rows, classify: Callable[[str], str | None]) -> npt.NDArray[np.object_]:
        """``classify`` of each row's name, ``""`` for ``None``; called once per distinct name."""
        indices = self.events.name[rows]
        table = np.full(len(self.events.names), "", object)
        for index in self._distinct(indices):
            table[index] = classify(self.events.names[index]) or ""
        return table[indices]

    def where(self, kind: Kind, classify: Callable[[str], str | None], *labels: str) -> Rows:
        """Rows of a kind whose name gets one of these labels, e.g. calls that synchronise."""
        rows = self.by_kind[kind]
        indices = self.events.name[rows]
        table = np.zeros(len(self.events.names), np.bool_)
        for index in self._distinct(indices):
            table[index] = (classify(self.events.names[index]) or "") in labels
        chosen: Rows = rows[table[indices]]
        return chosen

    def _distinct(self, indices: npt.NDArray[np.int32]) -> list[int]:
        """The names that occur; sorting the rows for it would take longer."""
        return np.flatnonzero(np.bincount(indices)).tolist()

    @cached_property
    def launch_of(self) -> npt.NDArray[np.int64]:
        """For each row, the row of the host call with its correlation id, or -1."""
        calls = self.by_kind[Kind.CALL]
        calls = calls[self.events.correlation[calls] >= 0]
        found = np.full(len(self.events), -1, np.int64)
        if not len(calls):
            return found
        ids = self.events.correlation[calls]
        order = np.argsort(ids, kind="stable")
        rows = self.device_rows
        place = np.searchsorted(ids[order], self.events.correlation[rows])
        candidate = calls[order][np.minimum(place, len(calls) - 1)]
        same = self.events.correlation[candidate] == self.events.correlation[rows]
        found[rows] = np.where(same & (self.events.correlation[rows] >= 0), candidate, -1)
        return found

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """What the breakdown explains: traced requests, else untraced ones, else the whole work."""
        table = self.recording.requests
        for phase in self.phases:
            rows = np.flatnonzero((table.phase == phase) & (table.end_ns > table.start_ns))
            rows = rows[:: len(rows) // MOST_EXPLAINED + 1]
            if len(rows):
                columns = table.start_ns, table.end_ns, table.lane, table.number
                return tuple(
                    Request(*row)
                    for row in zip(*(one[rows].tolist() for one in columns), strict=True)
                )
        if len(table) or not len(self.events):
            return ()
        start, end = self.work_window
        return (Request(start, end, None),) if end > start else ()

    @cached_property
    def sees_inside_models(self) -> bool:
        """Whether the explained requests ran under the tracer, or are a trace of somebody's."""
        table = self.recording.requests
        return not len(table) or (
            Phase.TRACED in self.phases and bool((table.phase == Phase.TRACED).any())
        )

    @property
    def traced(self) -> bool:
        """Whether ``requests`` ran under a tracer, so that ops and kernels are known."""
        return len(self.events) > 0 and (
            len(self.recording.requests) == 0
            or bool((self.recording.requests.phase == Phase.TRACED).any())
        )

    @cached_property
    def work_window(self) -> tuple[int, int]:
        """First to last event that is work: an op, a range, device work, a known library frame.

        Polling calls and Python frames alone do not count: a trace may end in an idle wait.
        """
        calls = self.by_kind[Kind.CALL]
        calls = calls[~np.isin(self.label(calls, names.call_class), ("poll", "other"))]
        frames = self.where(Kind.PYTHON, names.frame_stage, "io", "preprocess", "postprocess")
        rows = np.concatenate([self.of(Kind.OP, Kind.RANGE), self.device_rows, calls, frames])
        if not len(rows):
            rows = np.arange(len(self.events))
        return int(self.events.start_ns[rows].min()), int(self.events.end_ns[rows].max())

    @cached_property
    def outermost_ops(self) -> Rows:
        """Ops that no other op of the same thread encloses."""
        return self.outermost(self.by_kind[Kind.OP])

    def outermost(self, rows: Rows) -> Rows:
        """Those of some rows that no other of them on the same lane encloses."""
        order = rows[
            np.lexsort(
                (-self.events.end_ns[rows], self.events.start_ns[rows], self.events.lane[rows])
            )
        ]
        lane, end = self.events.lane[order], self.events.end_ns[order]
        keep = np.ones(len(order), bool)
        for one in np.unique(lane):
            mine = np.flatnonzero(lane == one)
            reach = np.maximum.accumulate(end[mine])
            later = order[mine[1:]]
            apart = self.events.start_ns[later] >= reach[:-1]
            keep[mine[1:]] = apart | (self.events.end_ns[later] > reach[:-1] + ROUNDING_NS)
        return np.sort(order[keep])

    def threads_of(self, lane: int | None) -> tuple[npt.NDArray[np.bool_], ...]:
        """Which lanes' host events explain a request, in order of claim, as masks.

        Its own thread comes first: what a helper thread does meanwhile is hidden behind it. Then
        come the helpers; a thread that serves requests of its own explains only those. Where no
        thread is marked as the request's own, all claim together.
        """
        threads = np.array([one.type == "thread" for one in self.recording.header.lanes], bool)
        if lane is None:
            return (threads,)
        own = np.zeros(len(threads), bool)
        own[lane] = True
        threads[self.recording.serving_lanes()] = False
        return own, threads

    def busy(self, rows: Rows) -> Intervals:
        """The set of time covered by some rows."""
        return union(self.events.intervals(rows))

    def durations(self, rows: Rows) -> Int64Array:
        """Length of each row in ns."""
        return self.events.end_ns[rows] - self.events.start_ns[rows]
