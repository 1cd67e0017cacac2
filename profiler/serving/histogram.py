"""A histogram of Prometheus': how many values were at most so large, for some bounds."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from infprof.profiler.serving.page import Page


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
        """The value below which such a part lies, evenly spread within its bounds. ``None`` where
        there is no value, or where it lies beyond the last bound and could be anything."""
        wanted, below, least = part * self.count, 0.0, 0.0
        if self.count <= 0:
            return None
        for bound, count in zip(self.bounds, self.up_to, strict=True):
            if count >= wanted and count > below:
                share = (wanted - below) / (count - below)
                return None if math.isinf(bound) else least + share * (bound - least)
            below, least = count, bound
        return None


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
