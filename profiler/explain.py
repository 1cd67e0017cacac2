"""The best breakdown that a recording allows."""

from __future__ import annotations

from infprof.profiler.breakdown import Breakdown, by_critical_path, by_occupancy
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.served_breakdown import by_served
from infprof.profiler.timeline import Timeline


def explain(timeline: Timeline) -> Breakdown:
    """Along the critical path where it is known; of a serving engine, as its metrics divide."""
    served = timeline.recording.header.served
    if served is not None and not timeline.requests:
        return by_served(served)
    paths = CriticalPaths(timeline)
    return by_critical_path(timeline, paths) if paths.are_known else by_occupancy(timeline)
