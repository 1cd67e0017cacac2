"""Growth per second of counters whose owners come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Rates(Generic[Key]):
    """Turns counters into growth per second; each key's counters are summed over their owners.

    Owners (threads, processes) come and go: only those seen both times count, so that one that
    ends is not a fall and one that is found late is not a jump.
    """

    def __init__(self) -> None:
        self._time_ns = 0
        self._last: Mapping[tuple[Key, int], float] = {}

    def __call__(self, time_ns: int, counters: Mapping[tuple[Key, int], float]) -> dict[Key, float]:
        """Growth per second since the call before, of every key that was known then."""
        seconds = (time_ns - self._time_ns) / 1e9
        growth: dict[Key, float] = {}
        for (key, owner), value in counters.items():
            last = self._last.get((key, owner))
            if last is not None and value >= last and seconds > 0:
                growth[key] = growth.get(key, 0.0) + (value - last) / seconds
        self._time_ns, self._last = time_ns, dict(counters)
        return growth
