"""What a request with stints claims: the work of every thread for it, and then its waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from infprof.profiler.declared import Layer
from infprof.profiler.intervals import EMPTY, Intervals, clip, intersect, joined, subtract, union
from infprof.profiler.silences import evidently_at_work
from infprof.profiler.stints import NOBODY, OTHERS, WAITS, WORK
from infprof.profiler.timeline import Request, Timeline

Claims = list[tuple[str, Intervals]]


class StintClaims:
    """Of one recording's requests, with the layers that all of them share."""

    def __init__(self, timeline: Timeline, layers: Sequence[Layer]) -> None:
        self._timeline, self._layers = timeline, layers
        self._stints = timeline.recording.stints
        self._at_work = dict[int | None, Intervals]()

    def know(self, request: Request) -> bool:
        """Whether its stints are known."""
        return request.number != NOBODY and bool((self._stints.request == request.number).any())

    def work(self, request: Request) -> Claims:
        """What was done for it, in order of claim.

        What it declared itself holds while it waits, too; all else counts only within its stints.
        What other threads do while its own is evidently at work for it comes last: hidden by that.
        """
        mine = (self._stints.request == request.number) & (self._stints.wait == WORK)
        lanes = np.unique(self._stints.lane[mine]).tolist()
        work = {lane: self._stints.spans(mine & (self._stints.lane == lane)) for lane in lanes}
        hiding = intersect(self._working(request.lane), work.get(request.lane, EMPTY))
        seen, hidden = Claims(), Claims()
        for layer in self._layers:
            if layer.lane is not None:
                own, others = _of(layer, request, work)
                seen.append((layer.leaf, union(joined([own, subtract(others, hiding)]))))
                hidden.append((layer.leaf, intersect(others, hiding)))
        return [*seen, *hidden]

    def _working(self, lane: int | None) -> Intervals:
        if lane not in self._at_work:
            found = EMPTY if lane is None else evidently_at_work(self._timeline, lane)
            self._at_work[lane] = found
        return self._at_work[lane]

    def waits(self, request: Request) -> Claims:
        """What it waited for, as far as that is known."""
        stints = self._stints
        mine = stints.request == request.number
        found = [
            (f"queue.{name}", stints.spans(mine & (stints.wait == WAITS.index(name))))
            for name in WAITS[1:-1]
        ]
        others = ~mine & (stints.wait == WORK) & (stints.lane == request.lane)
        return [*found, (f"queue.{OTHERS}", stints.spans(others))]


def _of(layer: Layer, request: Request, work: dict[int, Intervals]) -> tuple[Intervals, Intervals]:
    """The part of a layer that belongs to a request: on its own thread, and on others."""
    assert layer.lane is not None
    owner = np.full(len(layer.lane), NOBODY) if layer.owner is None else layer.owner
    own, others = [EMPTY], [EMPTY]
    for lane in np.unique(layer.lane).tolist():
        there = layer.lane == lane
        part = own if lane == request.lane else others
        declared = _rows(layer, there & (owner == request.number))
        part.append(clip(declared, request.start_ns, request.end_ns))
        if lane in work:
            rest = union(_rows(layer, there & (owner == NOBODY)))
            part.append(intersect(rest, work[lane]))
    return union(joined(own)), union(joined(others))


def _rows(layer: Layer, which: npt.NDArray[np.bool_]) -> Intervals:
    return Intervals(layer.spans.start[which], layer.spans.end[which])
