"""The gate that requests pass: it knows which are under way and can wait for a moment with none.

Starting or stopping torch's tracer while other threads run ops can kill the process, and a request
that is traced in part would spoil both the latencies and the composition.
"""

from __future__ import annotations

import threading
from collections import Counter

from infprof.profiler.stragglers import Stragglers

SECONDS = 1.0
"""How long arriving requests may be held for those under way to end."""


class Gate:
    """Arriving requests hold ``turn`` and then ``lock``; leaving ones ``lock`` alone.

    Who waits for the others to end keeps the turn, so that no later arrival overtakes.
    """

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self.lock = threading.Condition(threading.RLock())
        self._under_way: Counter[int] = Counter()
        self.stragglers = Stragglers()
        """Threads at work since before the session: no request that is known here."""

    def enter(self, thread: int) -> None:
        """A request begins in ``thread``."""
        self.stragglers.forget(thread)
        self._under_way[thread] += 1

    def leave(self, thread: int) -> None:
        """A request that began in ``thread`` has ended, wherever."""
        self._under_way[thread] -= 1
        if self._under_way[thread] <= 0:
            del self._under_way[thread]
        self.lock.notify_all()

    @property
    def is_empty(self) -> bool:
        """Whether no request is under way."""
        return not self._under_way

    def has_begun_one(self, thread: int) -> bool:
        """Whether one under way began in ``thread``: it cannot end while that thread waits."""
        return thread in self._under_way

    def wait_empty(self, thread: int) -> bool:
        """Hold ``thread`` until no request is under way.

        False where that would take more than ``SECONDS``, or for ever.
        """
        patience = 0 if self.has_begun_one(thread) else SECONDS
        return self.lock.wait_for(lambda: self.is_empty, patience)
