"""What a request with stints claims: the work of every thread for it, and then its waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infprof.profiler.declared import Layer
from infprof.profiler.intervals import Intervals, clip, intersect, joined, union
from infprof.profiler.stints import NOBODY, OTHERS, WAITS, WORK, Stints
from infprof.profiler.timeline import Request

Claims = list[tuple[str, Intervals]]


class StintClaims:
    """Of one recording's requests, with the layers that all of them share."""

    def __init__(self, stints: Stints, layers: Sequence[Layer]) -> None:
        self._stints, self._layers = stints, layers

    def know(self, request: Request) -> bool:
        """Whether its stints are known."""
        return request.number != NOBODY and bool((self._stints.request == request.number).any())

    def work(self, request: Request) -> Claims:
        """What was done for it, in order of claim.

        What it declared itself holds while it waits, too; all else counts only within its stints.
        """
        mine = (self._stints.request == request.number) & (self._stints.wait == WORK)
        lanes = np.unique(self._stints.lane[mine]).tolist()
        work = {lane: self._stints.spans(mine & (self._stints.lane == lane)) for lane in lanes}
        return [
            (layer.leaf, _of(layer, request, work))
            for layer in self._layers
            if layer.lane is not None
        ]

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


def _of(layer: Layer, request: Request, work: dict[int, Intervals]) -> Intervals:
    """The part of a layer that belongs to a request."""
    assert layer.lane is not None
    owner = np.full(len(layer.lane), NOBODY) if layer.owner is None else layer.owner
    own = Intervals(
        layer.spans.start[owner == request.number], layer.spans.end[owner == request.number]
    )
    parts = [clip(own, request.start_ns, request.end_ns)]
    for lane, spans in work.items():
        rest = (owner == NOBODY) & (layer.lane == lane)
        parts.append(
            intersect(union(Intervals(layer.spans.start[rest], layer.spans.end[rest])), spans)
        )
    return union(joined(parts))
