"""A histogram of Prometheus': how many values were at most so large, for some bounds."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from infprof.profiler.serving.page import Page

STEEPEST = 0.05
"""Of the way from one bound to the next: a mean closer to either is not believed."""


@dataclass(frozen=True)
class Histogram:
    """Of one metric, all its label sets together."""

    bounds: tuple[float, ...]
    """Upper bounds, ascending; the last is infinite."""
    up_to: tuple[float, ...]
    """How many values were at most so large."""
    total: float
    """Sum of all values."""

    @property
    def count(self) -> float:
        """How many values there are."""
        return self.up_to[-1]

    @property
    def mean(self) -> float | None:
        """``None`` where there is no value."""
        return self.total / self.count if self.count > 0 else None

    def since(self, earlier: Histogram | None) -> Histogram:
        """What came between two pages; all of it where the server began anew meanwhile."""
        if earlier is None or earlier.bounds != self.bounds or earlier.count > self.count:
            return self
        pairs = zip(self.up_to, earlier.up_to, strict=True)
        return Histogram(
            self.bounds, tuple(now - then for now, then in pairs), self.total - earlier.total
        )

    def quantile(self, part: float) -> float | None:
        """The value below which such a part lies, spread within its bounds as their mean tells.
        ``None`` where there is no value, or where it lies beyond the last bound and could be
        anything."""
        wanted, below, least = part * self.count, 0.0, 0.0
        if self.count <= 0:
            return None
        for place, (bound, count) in enumerate(zip(self.bounds, self.up_to, strict=True)):
            if count >= wanted and count > below:
                if math.isinf(bound):
                    return None
                share = (wanted - below) / (count - below)
                way: float = share ** self._bend(place)
                return least + (bound - least) * way
            below, least = count, bound
        return None

    def _bend(self, place: int) -> float:
        """The power with which values rise within these bounds: 1 where they are evenly spread.

        The sum of all values, less the least and the most that those elsewhere may have, leaves a
        range for the mean within these bounds. An even spread is believed as far as its mean lies
        in there; a power ``k`` has its mean at ``1 / (k + 1)`` of the way. With nearly all gaps
        between tokens from 10 to 25 ms, it is the difference between a median of 17 and of 13 ms.
        """
        least = [0.0, *self.bounds[:-1]]
        counts = [now - before for before, now in zip((0.0, *self.up_to), self.up_to, strict=False)]
        others = [one for one in range(len(counts)) if one != place and counts[one] > 0]
        low = self.total - sum(counts[one] * self.bounds[one] for one in others)
        high = self.total - sum(counts[one] * least[one] for one in others)
        width = self.bounds[place] - least[place]
        low, high = ((one / counts[place] - least[place]) / width for one in (low, high))
        way = min(max(0.5, low), high)
        return float(1 / min(max(way, STEEPEST), 1 - STEEPEST) - 1)


def histogram(page: Page, name: str) -> Histogram | None:
    """The page's histogram of this name; ``None`` where it has none, or no whole one."""
    counts: dict[float, float] = defaultdict(float)
    for labels, value in page.values.get(f"{name}_bucket", []):
        try:
            counts[float(labels["le"])] += value
        except (KeyError, ValueError):
            return None
    total = page.total(f"{name}_sum")
    bounds = tuple(sorted(counts))
    if total is None or not bounds or not math.isinf(bounds[-1]):
        return None
    return Histogram(bounds, tuple(counts[bound] for bound in bounds), total)
