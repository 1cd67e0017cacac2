"""Work that only first calls do: loading code on the device, creating contexts, compiling."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.intervals import (
    EMPTY,
    Intervals,
    intersect,
    intervals,
    joined,
    subtract,
    union,
)
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

SILENCE_NS = 10_000_000
"""Issuing a kernel takes 5 to 15 us. A call or an op that launches work yet lets 10 ms pass without
another event, while the device idles, does something else: it loads code, creates a context or
compiles (seen: 500 to 1300 ms for a first launch, 300 ms for a TorchScript fusion)."""

COMPILES = re.compile(
    r"\(dynamo_timed\)|torch/_dynamo/convert_frame\.py|triton/compiler/"
    r"|torch/_inductor/(graph|scheduler|compile_fx)\.py\(\d+\): \w*(compile|codegen)"
    r"|torch/_functorch/_aot_autograd/\w+\.py\(\d+\): aot_dispatch"
)
"""Ranges, ops and frames of torch.compile at work; not the guards and wrappers of each later call.
PyTorch 2.13 records its ``dynamo_timed`` marks as ops, earlier versions as ranges."""

STILL = 0.5
"""What compiles in the second half of the requests does so for other reasons than a cold start."""

LOADS_CODE = re.compile(r"Module(Load|GetFunction)|LibraryLoad|FuncGetAttributes")
"""CUDA and HIP calls that bring code onto the device."""

ISSUING = ("python.launch", "python.dispatch", "python.alloc", "python.module_loading")


class OneTimeWork(NamedTuple):
    """When one kind of first-call work held a request up."""

    what: str
    spans: Intervals


def one_time_work(evidence: Evidence) -> list[OneTimeWork]:
    """All kinds that were seen. Their spans may overlap."""
    found = [
        OneTimeWork("loading code onto the device", _loading(evidence)),
        OneTimeWork("compiling", EMPTY if keeps_compiling(evidence) else compiling(evidence)),
        OneTimeWork("first calls that do not return", _silences(evidence)),
    ]
    return [one for one in found if len(one.spans.start)]


def _loading(evidence: Evidence) -> Intervals:
    reported = evidence.breakdown.exposed_intervals("python.module_loading")
    calls = evidence.rows(Kind.CALL, lambda name: "yes" if LOADS_CODE.search(name) else None, "yes")
    host = evidence.breakdown.exposed_intervals("python", "unattributed")
    called = intersect(evidence.timeline.busy(calls), host)
    return union(
        Intervals(
            np.concatenate([reported.start, called.start]),
            np.concatenate([reported.end, called.end]),
        )
    )


def compile_rows(evidence: Evidence) -> Rows:
    """Events of torch.compile at work."""
    rows = [
        evidence.rows(kind, lambda name: "yes" if COMPILES.search(name) else None, "yes")
        for kind in (Kind.RANGE, Kind.OP, Kind.PYTHON)
    ]
    return np.sort(np.concatenate(rows))


def compiling(evidence: Evidence) -> Intervals:
    """When torch.compile held a request up."""
    host = evidence.breakdown.exposed_intervals(
        "python", "unattributed", "compute.cpu", "preprocess", "io"
    )
    return intersect(evidence.timeline.busy(compile_rows(evidence)), host)


def compiling_requests(evidence: Evidence) -> list[int]:
    """Which of the explained requests compile something, by their place."""
    starts = evidence.timeline.events.start_ns[compile_rows(evidence)]
    requests = [one.request for one in evidence.breakdown.requests]
    return [
        place
        for place, one in enumerate(requests)
        if bool(((starts >= one.start_ns) & (starts < one.end_ns)).any())
    ]


def keeps_compiling(evidence: Evidence) -> bool:
    """Whether several requests compile, and not only the first ones: no warm-up ends that."""
    found = compiling_requests(evidence)
    return len(found) > 1 and found[-1] >= STILL * len(evidence.breakdown.requests)


def _silences(evidence: Evidence) -> Intervals:
    """Long stretches within an op or call that issues work, with no event and an idle device."""
    timeline = evidence.timeline
    if not timeline.has_device:
        return EMPTY
    events, rows = timeline.events, timeline.of(Kind.OP, Kind.CALL)
    waits = timeline.where(Kind.CALL, names.call_class, "sync", "copy")
    issuing = subtract(
        evidence.breakdown.exposed_intervals(*ISSUING), timeline.busy(timeline.device_rows)
    )
    parts = [EMPTY]
    for lane in np.unique(events.lane[rows]):
        mine = rows[events.lane[rows] == lane]
        edges = np.sort(np.concatenate([events.start_ns[mine], events.end_ns[mine]]))
        long = np.flatnonzero(np.diff(edges) >= SILENCE_NS)
        quiet = intervals(edges[long], edges[long + 1])
        quiet = subtract(quiet, timeline.busy(waits[events.lane[waits] == lane]))
        parts.append(intersect(intersect(quiet, timeline.busy(mine)), issuing))
    return union(
        Intervals(
            np.concatenate([part.start for part in parts]),
            np.concatenate([part.end for part in parts]),
        )
    )


def longest_holders(evidence: Evidence, spans: Intervals) -> Rows:
    """The innermost op or call around each of the spans that last longest: who to name."""
    events, rows = evidence.timeline.events, evidence.timeline.of(Kind.OP, Kind.CALL)
    found = []
    for place in np.argsort(spans.start - spans.end, kind="stable")[:5].tolist():
        start, end = int(spans.start[place]), int(spans.end[place])
        around = rows[(events.start_ns[rows] <= start) & (events.end_ns[rows] >= end)]
        if len(around):
            found.append(int(around[np.argmin(evidence.timeline.durations(around))]))
    return np.array(sorted(set(found)), np.intp)


def together(work: list[OneTimeWork]) -> Intervals:
    """The time of all kinds, a set."""
    return union(joined([one.spans for one in work]))
