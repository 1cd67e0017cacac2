"""Notes the pauses in which CPython's collector looks for garbage, as long as they can be felt."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter_ns

from infprof.profiler.marks import RANGE, keys, this_thread

LEAST_NS = 1_000_000
"""The collections of young objects take microseconds, hundreds of times a second."""

NAME = "garbage collection"


class GarbageCollections:
    """Listens from ``begin`` to ``end``."""

    def __init__(self, add_mark: Callable[[int, int, int, int, int], None]) -> None:
        self._add_mark = add_mark
        self._start_ns = 0

    def begin(self) -> None:
        """Be called by the collector."""
        gc.callbacks.append(self._called)

    def end(self) -> None:
        """No more."""
        if self._called in gc.callbacks:
            gc.callbacks.remove(self._called)

    def _called(self, phase: str, info: object) -> None:
        if phase == "start":
            self._start_ns = perf_counter_ns()
            return
        end = perf_counter_ns()
        if end - self._start_ns >= LEAST_NS:
            self._add_mark(keys["python", NAME], self._start_ns, end, this_thread.id, RANGE)
