"""Is the device waiting for its launches? Several rules turn on the answer.

While it is, kernels run in the shadow of their own dispatch: making them faster changes nothing
(CATALOGUE 1.11), however much of the wall they seem to fill.
"""

from __future__ import annotations

from dataclasses import dataclass

from infprof.profiler.events import Flag, Kind
from infprof.profiler.intervals import Intervals, clip, gaps, intersect, joined, length, union
from infprof.rules.evidence import Evidence

LONGEST_GAP_NS = 1_000_000
"""Eager dispatch takes 5 to 50 us per kernel, several times that under a tracer with stacks. A
device idle for longer waits for something else: lazy loading, compilation, data, postprocessing."""

BUSY_SHARE = 0.70
"""A device that works this much of the time that it and its launcher take together is not waiting
for launches: what remains of the gaps is too little to restructure a program for."""

FEEDER_SHARE = 0.5
"""With more than half of the wall in reading and preprocessing, the feeder is the bottleneck."""

LAUNCHING = ("python.launch", "python.dispatch", "python.interpreter")


@dataclass(frozen=True, slots=True)
class LaunchGaps:
    """How the device's work and the work of launching it share the time, per request."""

    kernels: int
    graph_share: float
    """Share of the kernels that came from CUDA graphs."""
    device_ns: int
    """Time in which the device worked."""
    host_ns: int
    """Time in which it idled between two pieces of work while the host dispatched the next."""
    tracer_ns: int | None
    """How much slower requests were under the tracer; ``None`` if none ran without it."""

    @property
    def gap_ns(self) -> int:
        """Idle time that is the program's own and not the tracer's doing."""
        return max(self.host_ns - (self.tracer_ns or 0), 0)

    @property
    def busy_share(self) -> float:
        """The device's part of the time that it and its launcher take together."""
        together = self.device_ns + self.gap_ns
        return self.device_ns / together if together else 1.0

    @property
    def launch_bound(self) -> bool:
        """Whether the device mostly waits for its launches."""
        return self.busy_share < BUSY_SHARE


def launch_gaps(evidence: Evidence) -> LaunchGaps:
    """Look at the short holes between the device's work that the host filled with launching."""
    kernels = evidence.rows(Kind.KERNEL)
    device = evidence.timeline.busy(evidence.inside(evidence.timeline.device_rows))
    launching = evidence.breakdown.exposed_intervals(*LAUNCHING)
    in_graph = int(evidence.flagged(kernels, Flag.GRAPH).sum())
    return LaunchGaps(
        kernels=evidence.per_request(len(kernels)),
        graph_share=in_graph / len(kernels) if len(kernels) else 0.0,
        device_ns=evidence.per_request(length(intersect(device, evidence.covered))),
        host_ns=evidence.per_request(length(intersect(short_holes(evidence), launching))),
        tracer_ns=tracer_cost_ns(evidence),
    )


def short_holes(evidence: Evidence) -> Intervals:
    """When the device idled for less than a millisecond between two pieces of work."""
    device = evidence.timeline.busy(evidence.inside(evidence.timeline.device_rows))
    parts = [
        gaps(clip(device, one.request.start_ns, one.request.end_ns), LONGEST_GAP_NS)
        for one in evidence.breakdown.requests
    ]
    return union(joined(parts))


def faster_kernels_help(evidence: Evidence) -> bool:
    """Whether the wall follows the kernels at all (CATALOGUE 1.11).

    It does not while the device waits for its launches, nor while the feeder takes more than half
    of the wall: then that comes first.
    """
    feeding = evidence.share(evidence.exposed_ns("io", "preprocess"))
    return feeding <= FEEDER_SHARE and not launch_gaps(evidence).launch_bound


def tracer_cost_ns(evidence: Evidence) -> int | None:
    """How much longer the median request took under the tracer, ``None`` if not known."""
    traced, plain = evidence.latency.traced_p50_ns, evidence.latency.p50_ns
    return None if traced is None or plain is None else max(traced - plain, 0)
