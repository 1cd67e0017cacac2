"""The Breakdown: every nanosecond of a request's wall belongs to exactly one leaf of one stage.

Basis ``critical-path`` (CATALOGUE 3.5), where launches and device work are linked: device work
claims its time on the path, and the host what is left. Elsewhere ``occupancy`` (3.4): all device
work claims first. Among the host's leaves the one of higher priority claims; what nobody claims is
``unattributed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.helped_claims import HelpedClaims
from infprof.profiler.helpers import Helpers
from infprof.profiler.intervals import (
    EMPTY,
    Intervals,
    intersect,
    intervals,
    joined,
    length,
    subtract,
    union,
)
from infprof.profiler.layers import DEVICE_LEAVES, device_leaves, layers
from infprof.profiler.stages import STAGES
from infprof.profiler.stint_claims import StintClaims
from infprof.profiler.timeline import Request, Timeline

Basis = Literal["critical-path", "occupancy", "sampled"]
UNATTRIBUTED = "unattributed"
LAUNCH_LATENCY, DEVICE_GAP = "python.launch_latency", "python.device_gap"
"""Between a launch and its work on a device that had nothing else to do, and between two pieces of
work that were queued: the driver's and the device's own time."""

OF_THE_DEVICE = frozenset({*DEVICE_LEAVES, LAUNCH_LATENCY, DEVICE_GAP})
"""Leaves that are no time of the host's."""


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
    paths: CriticalPaths | None = None
    """What the basis ``critical-path`` was read from."""

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
    claims, helpers = _Claims(timeline), Helpers(timeline)
    found = []
    for request in timeline.requests:
        helped = claims.helped.of(request, helpers.of(request).route(request.end_ns))
        found.append(_sweep(request, [*claims.device, *helped, *claims.host(request)]))
    return Breakdown("occupancy", tuple(found))


def by_critical_path(timeline: Timeline, paths: CriticalPaths) -> Breakdown:
    """Blame what each request's end depended on."""
    claims, leaf_of = _Claims(timeline), device_leaves(timeline)
    found = []
    for request in timeline.requests:
        path = paths.of(request)
        leaf = leaf_of[path.work]
        on_path = {
            one: union(Intervals(path.spans.start[leaf == one], path.spans.end[leaf == one]))
            for one in DEVICE_LEAVES
        }
        on_path |= {LAUNCH_LATENCY: path.latency, DEVICE_GAP: path.gap}
        on_path[UNATTRIBUTED] = path.unexplained
        host = [*claims.helped.of(request, path.helped), *claims.host(request)]
        found.append(_sweep(request, host, on_path, claims.device))
    return Breakdown("critical-path", tuple(found), paths)


class _Claims:
    """Leaves with the sets of time that they claim, in order."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._layers = layers(timeline)
        self._stints = StintClaims(timeline, self._layers)
        self.helped = HelpedClaims(self._layers)
        self._host = dict[int | None, list[list[tuple[str, Intervals]]]]()
        self.device = [(one.leaf, union(one.spans)) for one in self._layers if one.lane is None]

    def host(self, request: Request) -> list[tuple[str, Intervals]]:
        """The request's own thread first, then helper threads. Of a request with stints, first the
        work of all threads for it, and what it waited for after its helpers."""
        own, *helpers = self._on_threads(request.lane)
        if self._stints.know(request):
            work, waits = self._stints.work(request), self._stints.waits(request)
            return [*work, *chain(*helpers), *waits]
        return [*own, *chain(*helpers)]

    def _on_threads(self, lane: int | None) -> list[list[tuple[str, Intervals]]]:
        """What each of the groups of threads (``Timeline.threads_of``) claims."""
        if lane not in self._host:
            self._host[lane] = [
                [
                    (layer.leaf, union(layer.on(threads)))
                    for layer in self._layers
                    if layer.lane is not None
                ]
                for threads in self._timeline.threads_of(lane)
            ]
        return self._host[lane]


def _sweep(
    request: Request,
    claims: list[tuple[str, Intervals]],
    settled: Mapping[str, Intervals] | None = None,
    hidden: Sequence[tuple[str, Intervals]] = (),
) -> RequestBreakdown:
    """Let leaves claim in order. What is ``settled`` is exposed already, and leaves less to claim;
    what is ``hidden`` claims what nothing else explains: waits of which the trace has no call."""
    whole = free = intervals([request.start_ns], [request.end_ns])
    covered: dict[str, list[Intervals]] = {}
    exposed: dict[str, list[Intervals]] = {}
    for leaf, span in (settled or {}).items():
        if len(span.start):
            covered[leaf], exposed[leaf] = [span], [span]
            free = subtract(free, span)
    for leaf, spans in (*hidden, *claims):
        span = intersect(whole, spans)
        if len(span.start):
            covered.setdefault(leaf, []).append(span)
    for leaf, spans in (*claims, *hidden):
        span = intersect(free, spans)
        if len(span.start):
            exposed.setdefault(leaf, []).append(span)
            free = subtract(free, span)
    leaves = {leaf: _share(covered[leaf], exposed.get(leaf, [EMPTY])) for leaf in covered}
    unknown = [free, *exposed.get(UNATTRIBUTED, [])]
    leaves[UNATTRIBUTED] = _share(unknown, unknown)
    return RequestBreakdown(request, leaves)


def _share(covered: list[Intervals], exposed: list[Intervals]) -> Share:
    alone = union(joined(exposed))
    return Share(length(union(joined(covered))), length(alone), alone)
