"""Which ranges and frames are reads that a request could wait for, one row for each read."""

from __future__ import annotations

import numpy as np

from infprof.profiler.intervals import intersect, union
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.host_time import named_rows
from infprof.rules.read_names import entry_of, reported_elsewhere, sends


def read_rows(evidence: Evidence) -> Rows:
    """The reads one by one. A range that the program put around several counts as those."""
    whole = named_rows(evidence, lambda name, stage: stage == "io" and not sends(name))
    wrapped = named_rows(evidence, lambda name, stage: stage == "io" and bool(entry_of(name)))
    for row in whole.tolist():
        inner = _inside(evidence, wrapped, row)
        if len(inner) >= 2 and not entry_of(evidence.timeline.name(row)):
            whole = np.union1d(whole[whole != row], inner)
    owned = named_rows(evidence, reported_elsewhere)
    theirs = [_inside(evidence, whole, row) for row in owned.tolist()]
    return _waited_for(evidence, np.setdiff1d(whole, np.concatenate([whole[:0], *theirs])))


def _waited_for(evidence: Evidence, rows: Rows) -> Rows:
    """Without a helper's reads during a read of the request's own: that one is what it waits for,
    and the helper may be the other side of it."""
    lanes = [one.request.lane for one in evidence.breakdown.requests]
    own = np.isin(evidence.timeline.events.lane[rows], [lane for lane in lanes if lane is not None])
    waits, events = evidence.timeline.busy(rows[own]), evidence.timeline.events
    meanwhile = [
        bool(len(intersect(union(events.intervals(rows[[index]])), waits).start)) and not own[index]
        for index in range(len(rows))
    ]
    kept: Rows = rows[~np.array(meanwhile, bool)]
    return kept


def _inside(evidence: Evidence, rows: Rows, outer: int) -> Rows:
    events = evidence.timeline.events
    chosen = (events.lane[rows] == events.lane[outer]) & (
        events.end_ns[rows] <= events.end_ns[outer]
    )
    inner: Rows = rows[chosen & (events.start_ns[rows] >= events.start_ns[outer])]
    return inner
