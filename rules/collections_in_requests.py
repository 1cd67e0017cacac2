"""The pauses of Python's garbage collector, and the requests they fell into.

Latencies come from requests without a tracer, and so do these: a tracer makes garbage of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import Int64Array, clip, length
from infprof.profiler.recording import Phase
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

NAMES = ("garbage collection", "Python GC")
"""As we note it, and as torch's tracer does."""


@dataclass(frozen=True, slots=True)
class PausedRequests:
    """Columns of one length over all judged requests, and the pauses inside any of them."""

    walls_ns: Int64Array
    pause_ns: Int64Array
    inside: Rows
    longest_ns: int
    are_explained: bool
    """Whether they are the requests that the breakdown explains."""

    @property
    def median_ns(self) -> float:
        """The usual wall."""
        return float(np.median(self.walls_ns)) if len(self.walls_ns) else 0.0

    @property
    def share(self) -> float:
        """All pauses over all walls."""
        return float(self.pause_ns.sum() / max(self.walls_ns.sum(), 1))


def pauses(evidence: Evidence) -> Rows:
    """Every pause that was noted, in a request or not."""
    return evidence.timeline.where(Kind.RANGE, lambda name: "yes" if name in NAMES else None, "yes")


def paused_requests(evidence: Evidence, rows: Rows) -> PausedRequests:
    """Untraced requests, traced ones where there are no others, with the pauses meanwhile.

    A collection on any thread of the process stops all of them: it keeps the interpreter's lock.
    """
    process = np.array([one.process or 0 for one in evidence.header.lanes], np.int64)
    table, events = evidence.recording.requests, evidence.timeline.events
    plain = table.phase == Phase.PLAIN
    chosen = np.flatnonzero(plain if plain.any() else table.phase == Phase.TRACED)
    paused = np.zeros(len(chosen), np.int64)
    inside = np.zeros(len(rows), bool)
    for number, row in enumerate(chosen.tolist()):
        start, end = int(table.start_ns[row]), int(table.end_ns[row])
        mine = (events.start_ns[rows] < end) & (events.end_ns[rows] > start)
        mine &= process[events.lane[rows]] == process[table.lane[row]]
        paused[number] = length(clip(evidence.timeline.busy(rows[mine]), start, end))
        inside |= mine
    lasted = evidence.timeline.durations(rows[inside])
    walls = table.end_ns[chosen] - table.start_ns[chosen]
    longest = int(lasted.max()) if len(lasted) else 0
    starts = [one.start_ns for one in evidence.timeline.requests]
    are_explained = bool(np.isin(starts, table.start_ns[chosen]).all())
    return PausedRequests(walls, paused, rows[inside], longest, are_explained)
