"""The synchronisations inside a request: those after which its thread launches more work.

The last wait of a request, for its result, is none of them: somebody has to read the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.timeline import Request, Rows, Timeline
from infprof.rules.evidence import Evidence

BLOCKING_COPY = re.compile(r"^(cuda|hip)Memcpy(2D|3D|WithStream)?$")
"""Copies that return only when the bytes have arrived."""


@dataclass(frozen=True, slots=True)
class HotSyncs:
    """Host calls that waited for the device in the midst of a request."""

    calls: Rows
    count: int
    """How often the queue was drained: waits with no kernel between them drain it once."""


def hot_syncs(evidence: Evidence) -> HotSyncs:
    """Find the waiting calls that more launches follow."""
    waiting = _waiting_calls(evidence)
    launching = evidence.rows(Kind.CALL, names.call_class, "launch", "graph")
    hot = np.zeros(len(waiting), np.bool_)
    for one in evidence.breakdown.requests:
        hot |= _followed(evidence.timeline, waiting, launching, one.request)
    return HotSyncs(waiting[hot], _drains(evidence, waiting[hot]))


def _waiting_calls(evidence: Evidence) -> Rows:
    """Synchronising calls, blocking copies, and copies to pageable memory, which wait as well."""
    timeline = evidence.timeline
    syncs = evidence.rows(Kind.CALL, names.call_class, "sync")
    blocking = evidence.rows(
        Kind.CALL, lambda name: "blocks" if BLOCKING_COPY.match(name) else None, "blocks"
    )
    copies = evidence.rows(Kind.COPY, names.copy_direction, "d2h")
    staged = timeline.launch_of[copies[timeline.label(copies, names.copy_memory) == "pageable"]]
    return np.unique(np.concatenate([syncs, blocking, staged[staged >= 0]])).astype(np.intp)


def _followed(
    timeline: Timeline, waiting: Rows, launching: Rows, request: Request
) -> npt.NDArray[np.bool_]:
    """Which waits lie in this request and precede a launch of their own thread in it."""
    events = timeline.events
    inside = (events.start_ns[waiting] >= request.start_ns) & (
        events.start_ns[waiting] < request.end_ns
    )
    inside &= np.any(timeline.threads_of(request.lane), axis=0)[events.lane[waiting]]
    launching = launching[events.start_ns[launching] < request.end_ns]
    last_launch = np.full(int(events.lane.max(initial=0)) + 1, -1, np.int64)
    np.maximum.at(last_launch, events.lane[launching], events.start_ns[launching])
    return inside & (last_launch[events.lane[waiting]] >= events.end_ns[waiting])


def _drains(evidence: Evidence, calls: Rows) -> int:
    events = evidence.timeline.events
    starts = np.sort(events.start_ns[evidence.rows(Kind.KERNEL)])
    return len(np.unique(np.searchsorted(starts, events.end_ns[calls])))
