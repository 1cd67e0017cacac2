"""Values of foreign result files: what is no sound number is unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from infprof.profiler.loads.load import PhaseTimes

S, MS, US, NS = 1_000_000_000, 1_000_000, 1_000, 1
"""Nanoseconds in the units that tools write."""

LONGEST_NS = 1 << 62
"""Longer than a century: no time of a request."""


def at(value: Any, *path: str) -> Any:
    """What lies at a path of keys; ``None`` where anything of it is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def number(value: Any) -> float | None:
    """A finite number that is not negative, also as text (``1,024.21``); else ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def count(value: Any) -> int | None:
    """As ``number``, to the nearest whole."""
    found = number(value)
    return None if found is None else round(found)


def ns(value: Any, unit_ns: int) -> int | None:
    """A time in nanoseconds. 0 is what tools write where nothing was timed: it is unknown."""
    found = number(value)
    if not found or found * unit_ns > LONGEST_NS:
        return None
    return round(found * unit_ns) or None


def times(unit_ns: int, how_many: Any = None, **values: Any) -> PhaseTimes | None:
    """``mean``, ``p50``, ``p90``, ``p95``, ``p99``, ``max`` in one unit; ``None`` if none is."""
    found = {f"{name}_ns": ns(value, unit_ns) for name, value in values.items()}
    if not any(found.values()):
        return None
    return PhaseTimes(count=count(how_many), **found)


def known(phases: Mapping[str, PhaseTimes | None]) -> dict[str, PhaseTimes]:
    """The phases that are told of."""
    return {phase: one for phase, one in phases.items() if one is not None}


def of_each(walls: Sequence[float | None], unit_ns: int) -> PhaseTimes | None:
    """From the times of single requests; ``None`` where there is none."""
    sound = sorted(found for wall in walls if (found := ns(wall, unit_ns)) is not None)
    if not sound:
        return None

    def percentile(part: float) -> int:
        return sound[max(math.ceil(part * len(sound)) - 1, 0)]

    return PhaseTimes(
        count=len(sound), mean_ns=round(sum(sound) / len(sound)), p50_ns=percentile(0.5),
        p90_ns=percentile(0.9), p95_ns=percentile(0.95), p99_ns=percentile(0.99), max_ns=sound[-1],
    )  # fmt: skip


def per_s(requests: int | None, window_ns: int | None) -> float | None:
    """Requests a second."""
    return requests / (window_ns / S) if requests is not None and window_ns else None


def window(requests: Any, rate: Any) -> int | None:
    """How long so many requests took at such a rate."""
    many, each = number(requests), number(rate)
    return ns(many / each, S) if many and each else None


def total(mean: Any, requests: int | None) -> int | None:
    """A total from the mean of each request."""
    each = number(mean)
    return None if each is None or requests is None else round(each * requests)


def plus(*values: int | None) -> int | None:
    """A sum; ``None`` where a part of it is not known."""
    parts = [value for value in values if value is not None]
    return sum(parts) if len(parts) == len(values) else None
