"""Host time by the names of ranges and Python frames: which rows, and how much was exposed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import STAGES, Kind
from infprof.profiler.intervals import (
    Intervals,
    clip,
    holds,
    intersect,
    intervals,
    length,
    subtract,
    union,
)
from infprof.profiler.timeline import Request, Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown

MODEL_KERNELS = ("compute.gemm", "compute.conv", "compute.attention")
"""While one of these ran with nothing above it, the device did the model's own work."""

REUSED_DURATION_ERROR = 10
"""A prediction that only re-uses recorded durations is good to one part in ten (CATALOGUE 4, A)."""

LOCAL_HOST_LEAVES = ("io", "preprocess", "postprocess", "python.interpreter", "unattributed")
"""What the time of a range or frame that calls no op of torch is exposed as."""

Mask = npt.NDArray[np.bool_]

Named = Callable[[str, str | None], bool]
"""Whether a row counts, from its name and the stage declared or known for it."""


def named_rows(evidence: Evidence, counts: Named) -> Rows:
    """Ranges and Python frames that some request could have waited for, outermost ones.

    A helper thread's row counts only if it lies within one request, and where no requests are
    marked not at all unless the thread works: a frame that blocks for the whole trace is an idle
    thread (a monitor, a log writer), not a wait of the program.
    """
    timeline = evidence.timeline
    rows = evidence.rows(Kind.RANGE)
    rows = np.sort(np.concatenate([rows, evidence.rows(Kind.PYTHON)]))
    rows = rows[_counted(evidence, rows, counts)]
    return timeline.outermost(rows[_could_be_waited_for(evidence, rows)])


def _counted(evidence: Evidence, rows: Rows, counts: Named) -> Mask:
    """``counts`` of each row, asked once for each distinct name and declared stage."""
    events = evidence.timeline.events
    pair = events.name[rows].astype(np.int64) * (len(STAGES) + 1) + events.stage[rows] + 1
    table = np.zeros(len(events.names) * (len(STAGES) + 1), np.bool_)
    for one in np.flatnonzero(np.bincount(pair)).tolist():
        name, stage = divmod(one, len(STAGES) + 1)
        text = events.names[name]
        table[one] = counts(text, STAGES[stage - 1] if stage else names.frame_stage(text))
    return np.asarray(table[pair], np.bool_)


def _could_be_waited_for(evidence: Evidence, rows: Rows) -> Mask:
    events = evidence.timeline.events
    serving = {one.request.lane for one in evidence.breakdown.requests}
    if serving == {None}:
        working = evidence.timeline.of(Kind.OP, Kind.CALL)
        return np.isin(events.lane[rows], events.lane[working]) | (not len(working))
    place = np.searchsorted(evidence.covered.start, events.start_ns[rows], side="right") - 1
    found: Mask = events.end_ns[rows] <= evidence.covered.end[place]
    for lane in serving - {None}:  # between its requests a thread waits for the next one
        mine = events.lane[rows] == lane
        found[mine] = holds(_requests_of(evidence, lane), events.start_ns[rows[mine]])
    return found


def _requests_of(evidence: Evidence, lane: int | None) -> Intervals:
    requests = [one.request for one in evidence.breakdown.requests if one.request.lane == lane]
    return union(intervals([one.start_ns for one in requests], [one.end_ns for one in requests]))


def not_hidden_by_model(evidence: Evidence, spans: Intervals) -> Intervals:
    """The part of ``spans`` within the requests in which no kernel of the model was the reason."""
    inside = intersect(union(spans), evidence.covered)
    return subtract(inside, evidence.breakdown.exposed_intervals(*MODEL_KERNELS))


def per_request(evidence: Evidence, spans: Intervals) -> int:
    """Length of a set as the mean of one request."""
    return evidence.per_request(length(spans))


def within(spans: Intervals, request: Request) -> Intervals:
    """The part of a set that lies in one request."""
    return clip(spans, request.start_ns, request.end_ns)


def less_error(time_ns: int) -> int:
    """The low end of a saving that re-uses durations."""
    return time_ns - time_ns // REUSED_DURATION_ERROR


def require_named_host(evidence: Evidence, what: str) -> None:
    """Raise ``Unknown`` where enough of the wall has no name that ``what`` could hide in it."""
    share = evidence.share(evidence.exposed_ns("unattributed"))
    if share >= GATE_SHARE and not len(evidence.timeline.by_kind[Kind.PYTHON]):
        raise Unknown(
            f"{100 * share:.0f} % of the wall belongs to no declared stage, op or Python frame,"
            f" so {what} there would go unseen"
        )
