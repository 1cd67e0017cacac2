"""The longest stretch of time in which the program served without a tracer."""

from __future__ import annotations

import numpy as np

from infprof.profiler.phase import Phase
from infprof.rules.evidence import Evidence

NO_STRETCH = (0, 0)

LISTENED_ENOUGH = "enough"
"""Code of the note that requests are told apart no more, though the program goes on."""


def untraced_stretch(evidence: Evidence) -> tuple[int, int]:
    """Its start and end. A window leaves memory and caches otherwise than it found them, so that no
    stretch reaches over one; it begins with a request that was not slowed."""
    table = evidence.recording.requests
    plain = np.sort(table.start_ns[table.phase == Phase.PLAIN])
    if not len(plain):
        return NO_STRETCH
    windows = sorted((one.start_ns, one.end_ns) for one in evidence.header.windows)
    begins = [int(plain[0]), *(end for _, end in windows)]
    ends = [*(start for start, _ in windows), _served_until(evidence)]
    found = [NO_STRETCH]
    for begin, end in zip(begins, ends, strict=True):
        mine = plain[(plain >= begin) & (plain < end)]
        if len(mine):
            found.append((int(mine[0]), end))
    return max(found, key=lambda one: one[1] - one[0])


def _served_until(evidence: Evidence) -> int:
    """When the last request ended; where requests were told apart no more, when a thread that
    served them was last seen to call a model."""
    last = int(evidence.recording.requests.end_ns.max())
    if not any(one.code == LISTENED_ENOUGH for one in evidence.header.notes):
        return last
    samples = evidence.timeline.samples
    calling = np.isin(samples.lane, evidence.recording.serving_lanes())
    calling &= samples.stage == "compute"
    return max(last, int(samples.time_ns[calling].max(initial=0)))
