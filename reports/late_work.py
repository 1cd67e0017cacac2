"""Whether requests end before the GPU has done their work: then their clock stops too early."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Timeline
from infprof.reports import wording
from infprof.reports.report import Note
from infprof.rules.evidence import Evidence

LATE_SHARE = 0.10
"""Of the wall: the spread that latencies may have as well before a note says so (IP-ENV-005)."""


def late_work(evidence: Evidence) -> list[Note]:
    """A note, where kernels go on long after the requests that launched them."""
    if not len(evidence.recording.requests) or evidence.header.is_of_stretches:
        return []
    late_ns = evidence.per_request(_late_ns(evidence.timeline))
    if evidence.share(late_ns) < LATE_SHARE:
        return []
    text = (
        f"The GPU still works for a request {wording.ms(late_ns / 1e6)} after its end, on average: "
        "the latencies here are those of issuing work, not of doing it. Unless the results are "
        "fetched later on purpose, wait for them within the request (torch.cuda.synchronize())."
    )
    return [Note(code="late-work", text=text)]


def _late_ns(timeline: Timeline) -> int:
    """From each request's end to that of the last kernel that its thread launched in it."""
    events, kernels = timeline.events, timeline.by_kind[Kind.KERNEL]
    calls = timeline.launch_of[kernels]
    kernels, calls = kernels[calls >= 0], calls[calls >= 0]
    order = np.argsort(events.start_ns[calls], kind="stable")
    launched, ends = events.start_ns[calls][order], events.end_ns[kernels][order]
    lanes, total = events.lane[calls][order], 0
    for one in timeline.requests:
        first, last = np.searchsorted(launched, [one.start_ns, one.end_ns]).tolist()
        mine = ends[first:last]
        if one.lane is not None:
            mine = mine[lanes[first:last] == one.lane]
        total += max(int(mine.max(initial=one.end_ns)) - one.end_ns, 0)
    return total
