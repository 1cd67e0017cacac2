"""The best breakdown that a recording allows."""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.breakdown import Breakdown, by_critical_path, by_occupancy
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.load_breakdown import by_load
from infprof.profiler.served_breakdown import by_served
from infprof.profiler.timeline import Timeline


def explain(timeline: Timeline) -> Breakdown:
    """Along the critical path where it is known; of a serving engine, as its metrics divide, also
    where it traced itself meanwhile; of a load test, as far as clients can tell."""
    header = timeline.recording.header
    if header.served is not None and not len(timeline.recording.requests):
        return by_served(header.served)
    if header.tells_only_of_load and header.load is not None:
        return by_load(header.load)
    if timeline.recording.header.is_of_stretches:
        return replace(by_occupancy(timeline), basis="sampled")
    paths = CriticalPaths(timeline)
    return by_critical_path(timeline, paths) if paths.are_known else by_occupancy(timeline)
