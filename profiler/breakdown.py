"""The Breakdown: every nanosecond of a request's wall belongs to exactly one leaf of one stage.

Basis ``occupancy`` (CATALOGUE 3.4): leaves claim time in order of priority, and what nobody claims
is ``unattributed``. Another basis is another function ``Timeline -> Breakdown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from infprof.profiler.declared import Layer
from infprof.profiler.intervals import (
    Intervals,
    intersect,
    intervals,
    joined,
    length,
    subtract,
    union,
)
from infprof.profiler.layers import layers
from infprof.profiler.stages import STAGES
from infprof.profiler.timeline import Request, Timeline

Basis = Literal["critical-path", "occupancy", "sampled"]
UNATTRIBUTED = "unattributed"


def stage_of(leaf: str) -> str:
    """``python.launch`` belongs to ``python``."""
    return leaf.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Share:
    """How long a leaf ran, and how long nothing of higher priority hid it."""

    busy_ns: int
    exposed_ns: int
    exposed: Intervals
    """When it was exposed."""


@dataclass(frozen=True)
class RequestBreakdown:
    """One request's leaves; their exposed times sum to its wall exactly."""

    request: Request
    leaves: Mapping[str, Share]

    def exposed(self, *prefixes: str) -> Intervals:
        """When the leaves that are, or lie under, one of ``prefixes`` were exposed."""
        chosen = [share.exposed for leaf, share in self.leaves.items() if _under(leaf, prefixes)]
        return union(joined(chosen))


def _under(leaf: str, prefixes: tuple[str, ...]) -> bool:
    return any(leaf == prefix or leaf.startswith(prefix + ".") for prefix in prefixes)


@dataclass(frozen=True)
class Breakdown:
    """The composition of all analysed requests; exposed times sum to the wall, in integers."""

    basis: Basis
    requests: tuple[RequestBreakdown, ...]

    @property
    def wall_ns(self) -> int:
        """Wall of all requests together."""
        return sum(one.request.wall_ns for one in self.requests)

    @cached_property
    def leaves(self) -> dict[str, tuple[int, int]]:
        """``leaf -> (exposed_ns, busy_ns)`` over all requests."""
        totals: dict[str, tuple[int, int]] = {}
        for one in self.requests:
            for leaf, share in one.leaves.items():
                exposed, busy = totals.get(leaf, (0, 0))
                totals[leaf] = (exposed + share.exposed_ns, busy + share.busy_ns)
        return totals

    @cached_property
    def stages(self) -> dict[str, tuple[int, int]]:
        """``stage -> (exposed_ns, busy_ns)`` in the order of ``STAGES``; absent stages are left
        out.

        Busy time of a stage sums its leaves, so leaves that run at once count twice in it.
        """
        totals = {stage: [0, 0] for stage in STAGES}
        for leaf, (exposed, busy) in self.leaves.items():
            totals[stage_of(leaf)][0] += exposed
            totals[stage_of(leaf)][1] += busy
        present = {stage_of(leaf) for leaf in self.leaves}
        return {stage: (a, b) for stage, (a, b) in totals.items() if stage in present}

    def exposed_ns(self, *prefixes: str) -> int:
        """Exposed time of all leaves that are, or lie under, one of ``prefixes``."""
        return sum(exposed for leaf, (exposed, _) in self.leaves.items() if _under(leaf, prefixes))

    def exposed_intervals(self, *prefixes: str) -> Intervals:
        """When those leaves were exposed, over all requests (which may overlap in time)."""
        return union(joined([one.exposed(*prefixes) for one in self.requests]))


def by_occupancy(timeline: Timeline) -> Breakdown:
    """Blame by priority: works on any events, also where launches and kernels are not linked."""
    prepared = layers(timeline)
    lanes = {one.lane for one in timeline.requests}
    claims = {lane: _claims(timeline, lane, prepared) for lane in lanes}
    return Breakdown("occupancy", tuple(_sweep(one, claims[one.lane]) for one in timeline.requests))


def _claims(
    timeline: Timeline, lane: int | None, prepared: list[Layer]
) -> list[tuple[str, Intervals]]:
    """Device work claims first, then the request's own thread, then helper threads; as sets."""
    claims = [(layer.leaf, union(layer.spans)) for layer in prepared if layer.lane is None]
    for threads in timeline.threads_of(lane):
        claims += [(layer.leaf, union(layer.on(threads))) for layer in prepared]
    return claims


def _sweep(request: Request, claims: list[tuple[str, Intervals]]) -> RequestBreakdown:
    whole = free = intervals([request.start_ns], [request.end_ns])
    covered: dict[str, list[Intervals]] = {}
    exposed: dict[str, list[Intervals]] = {}
    for leaf, spans in claims:
        span = intersect(whole, spans)
        if len(span.start):
            covered.setdefault(leaf, []).append(span)
            exposed.setdefault(leaf, []).append(intersect(free, span))
            free = subtract(free, span)
    leaves = {leaf: _share(covered[leaf], exposed[leaf]) for leaf in covered}
    leaves[UNATTRIBUTED] = _share([free], [free])
    return RequestBreakdown(request, leaves)


def _share(covered: list[Intervals], exposed: list[Intervals]) -> Share:
    alone = union(joined(exposed))
    return Share(length(union(joined(covered))), length(alone), alone)
