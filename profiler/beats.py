"""Two functions in which the sampler's thread waits, by chance the one or the other.

The moments of change are written down on our clock. A program that samples this process from
outside, on a clock of its own, sees the same changes: that puts its clock onto ours
(``stack_clock``). Imports the standard library alone.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns

PERIOD_NS = 40_000_000
"""After so long the dice are rolled anew."""

WIDTH = 2
"""Integers of a row: time_ns, which function."""

Wait = Callable[[float], bool]


def beat_one(wait: Wait, seconds: float) -> bool:
    """Wait."""
    return wait(seconds)


def beat_two(wait: Wait, seconds: float) -> bool:
    """Wait."""
    return wait(seconds)


FUNCTIONS = beat_one, beat_two
NAMES = tuple(function.__name__ for function in FUNCTIONS)


class Beats:
    """Waits through one of the two, and remembers when it was which. For one thread."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "beats.bin").open("ab", buffering=0)
        self._rows = array("q")
        self._random = random.Random()  # the program's own random numbers stay as they are
        self._which, self._until = -1, 0

    def wait(self, wait: Wait, seconds: float) -> bool:
        """``wait(seconds)``."""
        now = perf_counter_ns()
        if now >= self._until:
            self._until = now + PERIOD_NS
            which = self._random.randrange(2)
            if which != self._which:
                self._which = which
                self._rows.extend((now, which))
        return FUNCTIONS[self._which](wait, seconds)

    def flush(self) -> None:
        """Write out. Where it fails, only py-spy's stacks are placed less well in time."""
        with suppress(OSError):
            self._file.write(self._rows.tobytes())
        del self._rows[:]

    def close(self) -> None:
        """Write the rest, and end."""
        self.flush()
        self._file.close()
