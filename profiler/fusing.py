"""Pieces of device work that become one: what goes with the others, launches and all.

On paper a piece that is gone ends when the one before it on its stream does. So it takes away the
gap before it, which makes its time negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infprof.profiler.device_links import Binding, DeviceLinks
from infprof.profiler.intervals import Int64Array, Intervals, joined, union
from infprof.profiler.nesting import innermost_at
from infprof.profiler.replay import Change


@dataclass(frozen=True)
class Chain:
    """Work that follows each other on one stream, and becomes one piece."""

    places: Int64Array
    """Positions in ``DeviceLinks.rows``, in order. The last one stays: only then is all there that
    the piece needs."""
    time_ns: int
    """What it then takes."""


def fused(links: DeviceLinks, chains: Sequence[Chain]) -> Change:
    """Each chain as one piece of work, launched once."""
    nothing = np.zeros(0, np.int64)
    gone = np.concatenate([nothing, *(chain.places[:-1] for chain in chains)])
    times = links.end - links.start
    times[gone] = -gaps_before(links)[gone]
    for chain in chains:
        times[chain.places[-1]] = chain.time_ns
    return Change(times, launching(links, gone))


def gaps_before(links: DeviceLinks) -> Int64Array:
    """How long after the end of the work before it on its stream each piece may start, as a replay
    has it; 0 without such work."""
    seen = links.start - links.end[links.before]
    lag = np.where(links.binding[0] == Binding.STREAM, seen, np.minimum(seen, links.gap_ns))
    return np.where(links.before >= 0, lag, 0)


def launching(links: DeviceLinks, gone: Int64Array) -> Intervals:
    """The host's time for work that falls away: its launches, and the operators that launched
    nothing else."""
    timeline, events = links.timeline, links.timeline.events
    left = np.ones(len(links.rows), np.bool_)
    left[gone] = False
    stay = np.unique(links.launch[left & (links.launch >= 0)]).astype(np.intp)
    calls = np.setdiff1d(links.launch[gone], stay).astype(np.intp)  # a graph launches many
    calls = calls[calls >= 0]
    ops = timeline.outermost_ops
    around, kept = (
        innermost_at(events, ops, events.lane[rows], events.start_ns[rows])
        for rows in (calls, stay)
    )
    around = np.setdiff1d(around[around >= 0], kept)
    return union(joined([events.intervals(calls), events.intervals(around)]))
