"""Two stages on two threads: the first of the next request beside the rest of this one.

A lone request takes as long as before. In a flow the slower stage sets the pace, or the CPU, which
lets only so many threads advance at once. Where these are less than two, whatever falls together
takes longer; how much does is not known, so the answer is an interval.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_CORES = 1.3
"""With fewer threads that advance at once, two stages only take turns (CATALOGUE IP-PRE-004)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one thread does for a request, ns."""

    wall_ns: int
    """How long it takes alone."""
    on_cpu_ns: int
    """How much of that it computes, and does not wait for a device, a disk or a network."""
    threads: float = 1.0
    """On so many CPUs at a time, on average."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What each request of a steady flow takes: at best, and at worst."""

    best_ns: int
    worst_ns: int


def pipelined(moved: Stage, rest: Stage, serial_ns: int, cores: float | None) -> Pace | None:
    """With ``moved`` on a thread of its own; ``serial_ns`` is what a request takes now. ``None``
    where it is not known how many threads advance at once, or it is too few."""
    if cores is None or cores < LEAST_CORES:
        return None
    both = (moved, rest)
    computing = int(sum(one.on_cpu_ns * one.threads for one in both) / cores)
    best = max(computing, *(one.wall_ns for one in both))
    slower = max(sum(one.threads for one in both) / cores, 1.0)  # while both compute
    together = int(min(one.on_cpu_ns for one in both) * (slower - 1))  # at most all of the shorter
    worst = max(computing, *(one.wall_ns + together for one in both))
    return Pace(min(best, serial_ns), min(worst, serial_ns))


def mean_ns(pace_ns: int, serial_ns: int, in_a_row: float) -> int:
    """The mean of so many requests one right after the other: the first has none before it."""
    return int((serial_ns + (in_a_row - 1) * pace_ns) / in_a_row)
