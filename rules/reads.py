"""Reads that requests wait for, as ranges and frames tell: from where, and how many of each kind.

Of these, ``sequential-round-trips`` speaks for the groups that are sequential, ``blocking-io`` for
all others: so each read is reported once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from infprof.profiler.intervals import intersect, length
from infprof.profiler.stacks import State
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.read_names import entry_of, source_of
from infprof.rules.read_rows import read_rows
from infprof.rules.spans_of_samples import samples_within

IO_SHARE = 0.10
"""Exposed reads below this share of the wall are left alone: concurrency in a request path has a
cost of its own, in code and in connections (CATALOGUE IP-IO-001)."""

OFF_CPU_SHARE = 0.70
"""A read that stands still for less of its time copies from the page cache or parses: no latency
that another read could share (CATALOGUE IP-IO-001)."""

FEW_SAMPLES = 10
"""Fewer samples within the reads do not tell on and off a CPU apart (one in ten is 10 points)."""


@dataclass(frozen=True, slots=True)
class Group:
    """The reads of one source: a library, or a place that the program named. Times per request."""

    source: str
    rows: Rows
    count: float
    """Round-trips: a client may need several calls for one (send, wait for the answer, read it)."""
    waited_ns: int
    others: Rows
    """All but the longest of each request."""
    together_ns: int
    """What issuing them together would save: the time of the others."""
    is_sequential: bool


def read_groups(evidence: Evidence) -> list[Group]:
    """All blocking reads of the explained requests by source, the one waited for longest first."""
    rows = read_rows(evidence)
    texts = [source_of(evidence.timeline.name(row)) for row in rows]
    sources = np.array(texts, object)
    groups = [_group(evidence, source, rows[sources == source]) for source in set(texts)]
    blocking = [one for one in groups if one.waited_ns and _blocks(evidence, one.rows)]
    return sorted(blocking, key=lambda one: (-one.waited_ns, one.source))


def _group(evidence: Evidence, source: str, rows: Rows) -> Group:
    waited = evidence.exposed_part_ns(rows, "io")
    longest, longest_ns = _longest(evidence, rows)
    others, together = np.setdiff1d(rows, longest), max(waited - longest_ns, 0)
    count = _round_trips(evidence, rows) / evidence.requests
    sequential = count >= 2 and _pays(evidence, together)
    return Group(source, rows, count, waited, others, together, sequential)


def _pays(evidence: Evidence, saved_ns: int) -> bool:
    """Else one read is nearly all of it, or they run at once already."""
    return evidence.share(saved_ns) >= GATE_SHARE


def _round_trips(evidence: Evidence, rows: Rows) -> int:
    """Calls of the entry that took most of the time."""
    time, calls = Counter[str](), Counter[str]()
    for row, lasted in zip(rows.tolist(), evidence.timeline.durations(rows).tolist(), strict=True):
        entry = entry_of(evidence.timeline.name(row))
        time[entry] += lasted
        calls[entry] += 1
    return calls[max(time, key=lambda entry: time[entry])]


def _longest(evidence: Evidence, rows: Rows) -> tuple[list[int], int]:
    """The longest read of each request, by exposed time, and how long these take per request:
    what is left when all run at once."""
    events, exposed = evidence.timeline.events, evidence.breakdown.exposed_intervals("io")
    longest, total = list[int](), 0
    for one in evidence.breakdown.requests:
        starts = events.start_ns[rows]
        mine = rows[(starts >= one.request.start_ns) & (starts < one.request.end_ns)]
        if len(mine):
            spans = (intersect(events.intervals(mine[[at]]), exposed) for at in range(len(mine)))
            times = [length(one) for one in spans]
            longest.append(int(mine[int(np.argmax(times))]))
            total += max(times)
    return longest, -(-total // evidence.requests)


def _blocks(evidence: Evidence, rows: Rows) -> bool:
    """Whether the thread stood still in these reads, or nothing tells otherwise."""
    state = evidence.timeline.samples.stacks.state[samples_within(evidence, rows)]
    known = state[state != State.UNKNOWN]
    if len(known) < FEW_SAMPLES:
        return True
    waits = np.isin(known, (State.IO, State.SLEEP, State.LOCK))
    return float(waits.mean()) >= OFF_CPU_SHARE
