"""Time one piece of work again and again, each repeat long against the noise of the clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from infprof.profiler.clock import now_ns

LONG_ENOUGH_NS = 2_000_000
"""A repeat lasts at least this long. The coarsest clock in use resolves about 0.5 us (CUDA Runtime
API on ``cudaEventElapsedTime``), a 4000th of it."""
FEWEST = 3
"""Repeats that are made however little time there is: with fewer, a median is no median."""
MOST = 30
"""Repeats after which more would only take the time of the figures that follow."""
STEP = 10
"""A repeat is made at most so many times longer at once: a first one may be odd."""

Work = Callable[[int], float]
"""Does a piece of work so many times over and says how many nanoseconds that took."""


@dataclass(frozen=True, slots=True)
class Times:
    """What one piece of work took in each repeat, in nanoseconds."""

    each_ns: tuple[float, ...]

    @property
    def best_ns(self) -> float:
        """For peaks: whatever disturbs a repeat only makes it longer."""
        return min(self.each_ns)

    @property
    def median_ns(self) -> float:
        """For latencies: what a program usually meets."""
        return median(self.each_ns)

    @property
    def spread(self) -> float:
        """How much longer than the best the usual repeat was, as a fraction of the best."""
        return self.median_ns / self.best_ns - 1 if self.best_ns > 0 else 0.0


def repeat(work: Work, until_ns: int, long_enough_ns: int = LONG_ENOUGH_NS) -> Times:
    """Warm up, grow a repeat until it is long enough, then repeat until ``until_ns`` of our clock.

    Where the time is up before that, repeats are few and short, but there are some.
    """
    count = 1
    elapsed_ns = work(count)  # warms up too
    while elapsed_ns < long_enough_ns and now_ns() < until_ns:
        wanted = math.ceil(count * long_enough_ns / max(elapsed_ns, 1.0))
        count = min(max(wanted, 2 * count), count * STEP)
        elapsed_ns = work(count)
    return collect(lambda: work(count) / count, until_ns)


def collect(once: Callable[[], float], until_ns: int) -> Times:
    """What ``once`` says, several times until ``until_ns``; it is taken as warmed up."""
    times = [once() for _ in range(FEWEST)]
    while len(times) < MOST and now_ns() < until_ns:
        times.append(once())
    return Times(tuple(times))
