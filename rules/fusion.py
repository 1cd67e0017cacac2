"""Chains of element-wise kernels as one kernel each: what a compiler would make of them.

The fused kernel reads what the chain reads from outside and writes what its last operator writes,
at the memory's full bandwidth at best, at half of it surely (CATALOGUE section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from infprof.profiler.device_links import DeviceLinks
from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.fusing import Chain, fused
from infprof.profiler.intervals import Int64Array
from infprof.profiler.op_chain import Moved, moved_by, together_bytes
from infprof.profiler.op_credit import operator_of
from infprof.profiler.peaks import peaks_of
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows, Timeline
from infprof.rules.evidence import Evidence

LEAST_KERNEL_NS = 2_000
"""No kernel is shorter, whatever it does (CATALOGUE section 4)."""

SURE_PART = 0.5
"""Of the bandwidth: what even a poor kernel reaches (CATALOGUE section 4)."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """What fusing changes."""

    at_best: Change
    surely: Change
    kernels: Rows
    """All that become part of another."""


@dataclass(slots=True)
class _Run:
    """Kernels that become one, and what their operators move; under way, of one stream."""

    places: list[int]
    moved: list[Moved]
    last: tuple[int, ...]
    """Operator of the last kernel, how much other work goes before, thread, request and wait."""

    def takes(self, place: int, moved: Moved, mine: tuple[int, ...]) -> bool:
        """Go on with this kernel, if it belongs here."""
        another = mine[0] != self.last[0]
        if mine[1:] != self.last[1:] or (another and not self.moved[-1].hands_on_to(moved)):
            return False
        self.places.append(place)
        self.moved += [moved] * another
        self.last = mine
        return True


def fusion(evidence: Evidence, kernels: Rows) -> Fusion | None:
    """The chains among these kernels as one kernel each; ``None`` where no replay can tell, or the
    device's bandwidth is unknown."""
    paths, peaks = evidence.breakdown.paths, peaks_of(evidence.header.machine, on_gpu=True)
    if evidence.replays is None or paths is None or peaks is None or peaks.bytes_per_s is None:
        return None
    links, bandwidth = paths.links, peaks.bytes_per_s
    runs = [one for one in _runs(evidence, paths.waits, kernels) if len(one.moved) > 1]
    best, sure = (
        fused(links, [_as_one(links, run, bandwidth * part) for run in runs])
        for part in (1.0, SURE_PART)
    )
    places = np.array([place for run in runs for place in run.places], np.intp)
    return Fusion(best, sure, links.rows[places])


def _as_one(links: DeviceLinks, run: _Run, bytes_per_s: float) -> Chain:
    places = np.array(run.places, np.int64)
    moving = int(together_bytes(run.moved) * 1e9 / bytes_per_s)
    now = int((links.end - links.start)[places].sum())  # caches may do better than the memory
    return Chain(places, min(max(moving, LEAST_KERNEL_NS), now))


def _runs(evidence: Evidence, waits: DeviceWaits, kernels: Rows) -> Iterator[_Run]:
    """Runs of these kernels without other work in between on their stream. Where the host waits, to
    see a result, one ends."""
    links = waits.links
    ops, moved = _operators(evidence.timeline, links.rows, np.isin(links.rows, kernels))
    where = _launched_where(evidence, waits)
    known = np.isin(ops, list(moved))
    for lane in np.unique(links.lane[known]):
        run, others = None, np.cumsum((links.lane == lane) & ~known)
        for place in np.flatnonzero((links.lane == lane) & known).tolist():
            op = int(ops[place])
            mine = op, int(others[place]), *where[place].tolist()
            if run is None or not run.takes(place, moved[op], mine):
                if run is not None:
                    yield run
                run = _Run([place], [moved[op]], mine)
        if run is not None:
            yield run


def _operators(
    timeline: Timeline, rows: Rows, chosen: npt.NDArray[np.bool_]
) -> tuple[Rows, dict[int, Moved]]:
    """For each piece of device work its operator, and what that moves; -1 for what is not chosen
    or not known."""
    ops = np.where(chosen, operator_of(timeline, rows), -1)
    moved, known = dict[int, Moved](), cache(moved_by)
    for op in np.unique(ops[ops >= 0]).tolist():
        found = known(timeline.name(op), timeline.events.shape_names[timeline.events.shapes[op]])
        if found is not None:
            moved[op] = found
    return ops, moved


def _launched_where(evidence: Evidence, waits: DeviceWaits) -> Int64Array:
    """For each piece of device work the thread that launched it, the request, and how many waits
    went before."""
    events, links = evidence.timeline.events, waits.links
    at = events.start_ns[links.launch]
    request = np.searchsorted(evidence.covered.start, at, side="right")
    wait = np.searchsorted(events.start_ns[waits.may_wait], at)
    return np.column_stack([events.lane[links.launch], request, wait])
