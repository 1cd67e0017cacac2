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


def helped_claims(
    layers: Sequence[Layer], request: Request, helped: Mapping[int, Intervals]
) -> Claims:
    """In order of claim. ``helped`` is when the request's path was on which other thread."""
    if not helped:
        return []
    whole = union(joined(list(helped.values())))
    return [(layer.leaf, _of(layer, request, helped, whole)) for layer in layers]


def _of(
    layer: Layer, request: Request, helped: Mapping[int, Intervals], whole: Intervals
) -> Intervals:
    if layer.lane is None:
        return layer.on(np.zeros(0, bool))
    parts = []
    for lane, spans in helped.items():
        theirs = layer.lane == lane
        mine = Intervals(layer.spans.start[theirs], layer.spans.end[theirs])
        parts.append(intersect(union(mine), spans))
    if layer.owner is not None:
        declared = (layer.lane == request.lane) & np.isin(layer.owner, (NOBODY, request.number))
        own = Intervals(layer.spans.start[declared], layer.spans.end[declared])
        parts.append(intersect(union(own), whole))
    return union(joined(parts))
