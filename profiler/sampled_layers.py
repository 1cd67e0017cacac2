"""Layers from samples: the stages of host time that no exact span covers.

Between two exact spans that follow each other in every request (a read, then the model's call) lies
the same code each time. So all samples in such gaps together tell how each of them divides, also
where one gap is far shorter than the time between two samples.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Kind as EventKind
from infprof.profiler.intervals import Intervals, intervals
from infprof.profiler.mixture import Mixture
from infprof.profiler.timeline import Timeline

FEW = 4
"""Fewer samples say too little about a kind of gap: all kinds of the thread decide together."""

Kind = tuple[str, str]
"""What ends before a gap, and what begins after it."""

ANY: Kind = ("", "")


@dataclass(frozen=True)
class Gaps:
    """The gaps of one thread, and the kind of each."""

    spans: Intervals
    kinds: list[Kind]

    def holding(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The gap in which each time lies, -1 for none."""
        if not len(self.spans.start):
            return np.full(len(times), -1, np.int64)
        place = np.searchsorted(self.spans.start, times, side="right") - 1
        inside = (place >= 0) & (times < self.spans.end[np.maximum(place, 0)])
        return np.where(inside, place, -1)


def sampled_leaves(timeline: Timeline, lane: int) -> list[tuple[str, Intervals]]:
    """What samples say of the time of ``lane`` between its exact spans: the spans of each leaf."""
    gaps = _gaps(timeline, lane)
    mixtures = _mixtures(timeline, gaps, lane)
    if not mixtures:
        return []
    pieces = defaultdict[str, list[tuple[int, int]]](list)
    for gap in sorted({gap for one in _wanted(timeline, lane) for gap in _overlapping(gaps, *one)}):
        mixture = mixtures.get(gaps.kinds[gap])
        if mixture is None or mixture.total < FEW:
            mixture = mixtures[ANY]
        start, end = int(gaps.spans.start[gap]), int(gaps.spans.end[gap])
        for leaf, begin, stop in mixture.cut(start, end):
            pieces[leaf].append((begin, stop))
    return [(leaf, intervals(*np.array(spans).T)) for leaf, spans in sorted(pieces.items())]


def _wanted(timeline: Timeline, lane: int) -> list[tuple[int, int]]:
    """When the thread served a request that is to be explained."""
    spans = timeline.recording.stints.of({one.number for one in timeline.requests}, lane)
    own = [(one.start_ns, one.end_ns) for one in timeline.requests if one.lane == lane]
    return spans or own


def _mixtures(timeline: Timeline, gaps: Gaps, lane: int) -> dict[Kind, Mixture]:
    """What the samples of a thread say of each kind of its gaps, and of all together (``ANY``)."""
    samples = timeline.samples
    mine = np.flatnonzero((samples.lane == lane) & samples.of_requests)
    place = gaps.holding(samples.time_ns[mine])
    mine, place = mine[place >= 0], place[place >= 0]
    length = gaps.spans.end[place] - gaps.spans.start[place]
    position = (samples.time_ns[mine] - gaps.spans.start[place]) / length
    mixtures = defaultdict[Kind, Mixture](Mixture)
    for leaf, gap, where in zip(samples.leaf[mine], place.tolist(), position, strict=True):
        mixtures[gaps.kinds[gap]].add(leaf, where)
        mixtures[ANY].add(leaf, where)
    return mixtures


def _gaps(timeline: Timeline, lane: int) -> Gaps:
    """What lies between the outermost staged ranges and the ends of requests of one thread."""
    events, served = timeline.events, timeline.recording.served(lane, warm=False)
    rows = timeline.by_kind[EventKind.RANGE]
    rows = rows[events.lane[rows] == lane]
    staged = (events.stage[rows] >= 0) | (timeline.label(rows, names.frame_stage) != "")
    rows = timeline.outermost(rows[staged])
    edges = sorted(  # where requests touch, "after" sorts before "before"
        [(int(events.start_ns[row]), int(events.end_ns[row]), timeline.name(row)) for row in rows]
        + [(int(time), int(time), "before a request") for time in served.start]
        + [(int(time), int(time), "after a request") for time in served.end]
    )
    start = np.array([one[1] for one in edges[:-1]], np.int64)
    end = np.array([one[0] for one in edges[1:]], np.int64)
    start = np.maximum.accumulate(start) if len(start) else start
    keep = end > start
    kinds = [(edges[i][2], edges[i + 1][2]) for i in np.flatnonzero(keep).tolist()]
    return Gaps(Intervals(start[keep], end[keep]), kinds)


def _overlapping(gaps: Gaps, start: int, end: int) -> range:
    first = int(np.searchsorted(gaps.spans.end, start, side="right"))
    return range(first, int(np.searchsorted(gaps.spans.start, end, side="left")))
