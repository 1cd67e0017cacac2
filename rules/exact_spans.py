"""The change that takes exactly the time out of requests that a rule blames, and no other.

Without it a replay takes a part of the whole stage away, evenly: also from what is not to blame.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Intervals, intersect, joined, union
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence


def without_rows(evidence: Evidence, rows: Rows, *leaves: str, part: float = 1.0) -> Change | None:
    """These rows, or the same part of each, fall away; ``None`` where there is no replay. Those of
    threads that are known to have worked for a request do on their thread alone."""
    helping = _helping(evidence, rows)
    change = without(evidence, waited_for(evidence, rows[~helping], *leaves), part)
    if change is None or not helping.any():
        return change
    rows, lane = rows[helping], evidence.timeline.events.lane[rows[helping]]
    return replace(
        change,
        removed_on={
            one: _part(evidence, evidence.timeline.busy(rows[lane == one]), part)
            for one in set(lane.tolist())
        },
    )


def without(evidence: Evidence, spans: Intervals, part: float = 1.0) -> Change | None:
    """The same of any time within the requests, a set."""
    if evidence.replays is None:
        return None
    return Change(host_removed=_part(evidence, spans, part))


def _part(evidence: Evidence, spans: Intervals, part: float) -> Intervals:
    spans = intersect(spans, evidence.covered)
    gone = ((spans.end - spans.start) * min(part, 1.0)).astype(np.int64)
    return union(Intervals(spans.start, spans.start + gone))


def waited_for(evidence: Evidence, rows: Rows, *leaves: str) -> Intervals:
    """The time of these rows: on a request's own thread all of it, of another thread's only what
    the request waited for, exposed as ``leaves``."""
    own = _on_own_thread(evidence, rows)
    mine, theirs = evidence.timeline.busy(rows[own]), evidence.timeline.busy(rows[~own])
    waited = intersect(theirs, evidence.breakdown.exposed_intervals(*leaves))
    return intersect(union(joined([mine, waited])), evidence.covered)


def _helping(evidence: Evidence, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which rows another thread worked at for a request, as far as that is known."""
    events, paths = evidence.timeline.events, evidence.breakdown.paths
    found = np.zeros(len(rows), np.bool_)
    if paths is None:
        return found
    for one in evidence.breakdown.requests:
        hands = paths.helpers.of(one.request)
        start, lane = events.start_ns[rows], events.lane[rows]
        within = (start >= one.request.start_ns) & (start < one.request.end_ns)
        within &= lane != one.request.lane
        for place in np.flatnonzero(within).tolist() if hands.helps else ():
            found[place] |= hands.covers(int(lane[place]), int(start[place]))
    return found


def _on_own_thread(evidence: Evidence, rows: Rows) -> npt.NDArray[np.bool_]:
    """Where no thread is known to serve a request, all of them do."""
    serving = [one.request.lane for one in evidence.breakdown.requests]
    known = [lane for lane in serving if lane is not None]
    own = np.isin(evidence.timeline.events.lane[rows], known)
    return np.asarray(own | (len(known) < len(serving)), np.bool_)
