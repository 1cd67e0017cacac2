"""The change that takes exactly the time out of requests that a rule blames, and no other.

Without it a replay takes a part of the whole stage away, evenly: also from what is not to blame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Intervals, intersect, joined, union
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence


def without_rows(evidence: Evidence, rows: Rows, *leaves: str, part: float = 1.0) -> Change | None:
    """These rows, or the same part of each, fall away; ``None`` where there is no replay."""
    return without(evidence, waited_for(evidence, rows, *leaves), part)


def without(evidence: Evidence, spans: Intervals, part: float = 1.0) -> Change | None:
    """The same of any time within the requests, a set."""
    if evidence.replays is None:
        return None
    spans = intersect(spans, evidence.covered)
    gone = ((spans.end - spans.start) * min(part, 1.0)).astype(np.int64)
    return Change(host_removed=union(Intervals(spans.start, spans.start + gone)))


def waited_for(evidence: Evidence, rows: Rows, *leaves: str) -> Intervals:
    """The time of these rows: on a request's own thread all of it, of another thread's only what
    the request waited for, exposed as ``leaves``."""
    own = _on_own_thread(evidence, rows)
    mine, theirs = evidence.timeline.busy(rows[own]), evidence.timeline.busy(rows[~own])
    waited = intersect(theirs, evidence.breakdown.exposed_intervals(*leaves))
    return intersect(union(joined([mine, waited])), evidence.covered)


def _on_own_thread(evidence: Evidence, rows: Rows) -> npt.NDArray[np.bool_]:
    """Where no thread is known to serve a request, all of them do."""
    serving = [one.request.lane for one in evidence.breakdown.requests]
    known = [lane for lane in serving if lane is not None]
    own = np.isin(evidence.timeline.events.lane[rows], known)
    return np.asarray(own | (len(known) < len(serving)), np.bool_)
