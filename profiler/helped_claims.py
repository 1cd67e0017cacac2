"""What claims the time of a request in which another thread was on its path: what that one did.

What the request's own thread declared holds meanwhile: it waits within the range, for the range's
sake. As everywhere, a declaration outranks ops and is outranked by API calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from infprof.profiler.declared import Layer
from infprof.profiler.intervals import Intervals, intersect, joined, union
from infprof.profiler.stint_claims import Claims
from infprof.profiler.stints import NOBODY
from infprof.profiler.timeline import Request


class HelpedClaims:
    """Of one recording's requests, with the layers that all of them share."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = [layer for layer in layers if layer.lane is not None]
        self._on_lane = dict[int, list[Intervals]]()

    def of(self, request: Request, helped: Mapping[int, Intervals]) -> Claims:
        """In order of claim. ``helped`` is when the request's path was on which other thread."""
        if not helped:
            return []
        whole = union(joined(list(helped.values())))
        parts = [[_declared(layer, request, whole)] for layer in self._layers]
        for lane, spans in helped.items():
            for part, theirs in zip(parts, self._on(lane), strict=True):
                part.append(intersect(spans, theirs))
        pairs = zip(self._layers, parts, strict=True)
        return [(layer.leaf, union(joined(part))) for layer, part in pairs]

    def _on(self, lane: int) -> list[Intervals]:
        """What each layer has on a thread."""
        if lane not in self._on_lane:
            spans = [(one.spans, one.lane == lane) for one in self._layers]
            self._on_lane[lane] = [
                union(Intervals(one.start[mine], one.end[mine])) for one, mine in spans
            ]
        return self._on_lane[lane]


def _declared(layer: Layer, request: Request, whole: Intervals) -> Intervals:
    """What the request's own thread declared for that time."""
    start, end = layer.spans.start, layer.spans.end
    if layer.owner is None:
        return Intervals(start[:0], end[:0])
    mine = (layer.lane == request.lane) & np.isin(layer.owner, (NOBODY, request.number))
    return intersect(whole, union(Intervals(start[mine], end[mine])))
