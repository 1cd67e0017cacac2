"""Notes the pauses in which CPython's collector looks for garbage, as long as they can be felt."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from infprof.profiler.marks import RANGE, keys, this_thread

LEAST_NS = 1_000_000
"""The collections of young objects take microseconds, hundreds of times a second."""

NAME = "garbage collection"


class GarbageCollections:
    """Listens from ``begin`` to ``end``."""

    def __init__(self, add_mark: Callable[[int, int, int, int, int], object]) -> None:
        """``add_mark`` is called in the midst of anything, so it may take no lock."""
        self._add_mark = add_mark
        self._start_ns = 0

    def begin(self) -> None:
        """Be called by the collector."""
        self._key = keys["python", NAME]
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
            self._add_mark(self._key, self._start_ns, end, this_thread.id, RANGE)


@contextmanager
def collection_postponed() -> Iterator[None]:
    """No collection begins meanwhile: for reading the frames of other threads.

    Until Python 3.11 one may begin as the object for such a frame is made, and let its thread run
    on by the Python that it calls: the frame ends, and what is written into it then crashes the
    program, or both threads wait for each other (CPython's issue 106883). 3.12 collects between
    instructions only.
    """
    if sys.version_info >= (3, 12):
        yield
        return
    usual = gc.get_threshold()
    gc.set_threshold(0, *usual[1:])  # not ``disable``: the program may ask or say that meanwhile
    try:
        yield
    finally:
        if gc.get_threshold() == (0, *usual[1:]):
            gc.set_threshold(*usual)
