"""Whether a sampled quantity rises, and goes on rising, while requests are served.

What warms up, fills and levels off, jumps once or goes up and down does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array

SETTLING_SHARE = 0.25
"""The first quarter is left out: pools, caches and the allocator take what they need."""

PARTS = 3
"""The rest is judged in three parts: one jump, or a single slow wave, does not lift all of them."""

STILL = 0.4
"""Of the first part's slope: the last part must rise as fast. What fills up slows down more, unless
it is hardly half full at the end; beside a leak the heap finds its level, too (seen: 0.46)."""

FEWEST_SAMPLES = 20
"""With fewer, a part has under five, and a single one decides its slope."""

MOST_POINTS = 200
"""Of a part: a slope takes each pair of them."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rise:
    """A steady rise of one quantity."""

    amount: float
    """From the median of the first tenth of the samples to that of the last."""
    per_ns: float
    time_ns: int
    highest: float


def rise_of(time_ns: Int64Array, value: Values) -> Rise | None:
    """``None`` where it does not rise, or slows down. Samples in order of time, at least
    ``FEWEST_SAMPLES``."""
    settled = len(value) - int(len(value) * (1 - SETTLING_SHARE))
    time, kept = time_ns[settled:], value[settled:]
    slopes = [
        slope(*part) for part in zip(_split(time), _split(kept), strict=True)
    ]  # fmt: skip
    if min(slopes) <= 0 or slopes[-1] < STILL * slopes[0]:
        return None
    tenth = max(len(kept) // 10, 1)
    amount = float(np.median(kept[-tenth:]) - np.median(kept[:tenth]))
    return Rise(amount, slope(time, kept), int(time[-1] - time[0]), float(value.max()))


def _split(array: npt.NDArray[np.generic]) -> list[npt.NDArray[np.generic]]:
    return np.array_split(array, PARTS)


def slope(time_ns: npt.NDArray[np.generic], value: npt.NDArray[np.generic]) -> float:
    """The median of the slopes between all pairs of points (Theil-Sen): outliers do not count."""
    chosen = np.unique(np.linspace(0, len(value) - 1, MOST_POINTS).astype(np.intp))
    time, level = time_ns[chosen].astype(np.float64), value[chosen].astype(np.float64)
    first, second = np.triu_indices(len(chosen), 1)
    apart = time[second] - time[first]
    slopes = (level[second] - level[first])[apart > 0] / apart[apart > 0]
    return float(np.median(slopes)) if len(slopes) else 0.0
