"""What the code declares of its host time: ranges with a stage, and known libraries' frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.call_stages import SIDES
from infprof.profiler.events import Kind
from infprof.profiler.intervals import EMPTY, Int64Array, Intervals, innermost, joined
from infprof.profiler.stages import STAGES
from infprof.profiler.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Layer:
    """Intervals that claim one leaf."""

    leaf: str
    spans: Intervals
    lane: npt.NDArray[np.int32] | None = None
    """Thread of each interval; ``None`` for device work, which every request may wait for."""
    owner: Int64Array | None = None
    """The request, by number, for which each interval was declared, also while it waits."""

    def on(self, threads: npt.NDArray[np.bool_]) -> Intervals:
        """The intervals on these threads, a mask over lanes. Of device work, none."""
        if self.lane is None:
            return EMPTY
        keep = threads[self.lane]
        return Intervals(self.spans.start[keep], self.spans.end[keep])


@dataclass(frozen=True, slots=True)
class Declared:
    """Disjoint pieces of host time, each with the innermost stage and name declared for it."""

    spans: Intervals
    lane: npt.NDArray[np.int32]
    stage: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    owner: Int64Array
    """The request, by number, that declared it; ``NOBODY`` where stints do not tell."""

    def layer(self, leaf: str, chosen: npt.NDArray[np.bool_]) -> Layer:
        """The chosen pieces as one leaf."""
        spans = Intervals(self.spans.start[chosen], self.spans.end[chosen])
        return Layer(leaf, spans, self.lane[chosen], self.owner[chosen])


def declared(timeline: Timeline) -> Declared:
    """What the code declares by ranges, and what known libraries' frames and ranges reveal."""
    events = timeline.events
    rows = timeline.of(Kind.RANGE, Kind.PYTHON)
    own = np.array([*STAGES, ""], object)[events.stage[rows]]
    stage = np.where(own == "", timeline.label(rows, names.frame_stage), own)
    placed = timeline.label(rows, timeline.samples.stages.range_stage)
    stage = np.where(np.isin(own, SIDES) & (placed != ""), placed, stage)
    known = stage != ""
    rows, stage = rows[known], stage[known]
    name = timeline.label(rows, names.short_name)
    parts: list[tuple[Intervals, npt.NDArray[np.intp]]] = []
    # the ranges of one request are nested; those of two in one thread may overlap as they like
    served = timeline.recording.stints.owner(events.lane[rows], events.start_ns[rows])
    for lane, one in np.unique(np.column_stack((events.lane[rows], served)), axis=0).tolist():
        mine = np.flatnonzero((events.lane[rows] == lane) & (served == one))
        cut, owner = innermost(events.intervals(rows[mine]))
        parts.append((cut, mine[owner]))
    owners = np.concatenate([np.array([], np.intp), *(owner for _, owner in parts)])
    return Declared(
        joined([cut for cut, _ in parts]),
        events.lane[rows][owners],
        stage[owners],
        name[owners],
        served[owners],
    )
