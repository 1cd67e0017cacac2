"""How a stretch of time divides among leaves, learned from other stretches of its kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Mixture:
    """How stretches of one kind divide: for each leaf its weight, and where in the stretch."""

    count: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    position: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, leaf: str, position: float) -> None:
        """One sample, at a ``position`` of 0 to 1 in its stretch."""
        self.count[leaf] += 1
        self.position[leaf] += position

    @property
    def total(self) -> int:
        return sum(self.count.values())

    def cut(self, start: int, end: int) -> list[tuple[str, int, int]]:
        """A stretch divided, in the order of the positions: (leaf, start, end)."""
        some = [leaf for leaf, count in self.count.items() if count]
        order = sorted(some, key=lambda leaf: (self.position[leaf] / self.count[leaf], leaf))
        total, seen, pieces, begin = self.total, 0, [], start
        for leaf in order:
            seen += self.count[leaf]
            stop = start + (end - start) * seen // total
            pieces.append((leaf, begin, stop))
            begin = stop
        return pieces
