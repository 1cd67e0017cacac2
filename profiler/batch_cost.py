"""What a model's call takes by the size of its batch: T(B) = a + b B, from calls that were made.

Three sizes at least, so that the line can be told wrong; and no size beyond the largest that was
seen, where memory may end or the device be full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.fusing import gaps_before
from infprof.profiler.intervals import Int64Array, Intervals, holds
from infprof.profiler.replay import Change

LEAST_SIZES = 3
"""A line through two points always fits (CATALOGUE section 4)."""

FITS = 0.1
"""Of each size's usual time: a line that misses one by more is no model of it (DESIGN section 7,
class A)."""


@dataclass(frozen=True, slots=True)
class BatchCost:
    """A line through measured times."""

    fixed_ns: float
    item_ns: float
    measured: Mapping[int, int]
    """What each size took."""

    def time_ns(self, size: int) -> int | None:
        """What a batch of this size takes; ``None`` where none so large was seen."""
        if not 0 < size <= max(self.measured):
            return None
        return self.measured.get(size, round(self.fixed_ns + self.item_ns * size))


def batch_cost(sizes: Int64Array, times_ns: Int64Array) -> BatchCost | None:
    """The cost that these calls show by the median of each size; ``None`` where they are of too few
    sizes, or no line fits them."""
    seen = np.unique(sizes)
    if len(seen) < LEAST_SIZES:
        return None
    usual = np.array([np.median(times_ns[sizes == size]) for size in seen])
    item, fixed = _line(seen.astype(np.float64), usual)
    missed = np.abs(fixed + item * seen - usual)
    if fixed < 0 or item < 0 or (missed > FITS * usual).any():
        return None
    measured = zip(seen.tolist(), np.round(usual).astype(np.int64).tolist(), strict=True)
    return BatchCost(fixed, item, dict(measured))


def _line(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Slope and height of the line with the least relative errors."""
    slope, height = np.polyfit(x, y, 1, w=1 / np.maximum(y, 1.0))
    return float(slope), float(height)


def batched(waits: DeviceWaits, gone: Intervals, stays: Intervals, longer_ns: int) -> Change:
    """Passes of which only one of each request stays, the last one, and takes so much longer.
    ``gone`` and ``stays`` are sets: when the host was in them."""
    links, events = waits.links, waits.links.timeline.events
    times = links.end - links.start
    times = np.where(holds(gone, links.launched_ns), -gaps_before(links), times)
    order = np.argsort(links.launched_ns, kind="stable")
    last = np.searchsorted(links.launched_ns[order], stays.end) - 1
    times[order[last]] += longer_ns
    mine = waits.may_wait[holds(gone, events.start_ns[waits.may_wait])]
    return Change(times, gone, frozenset(mine.tolist()))
