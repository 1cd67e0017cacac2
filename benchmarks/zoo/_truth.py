"""What a script of the zoo knows about itself: the time of each of its pieces, by its own clock.

``clock.lap("io")`` ends a piece, ``clock.done(answer)`` ends a request, ``clock.tell()`` prints the
line ``truth {...}`` that the judge compares a report with.
"""

from __future__ import annotations

import hashlib
import json
import threading
from time import perf_counter

WARM_UP = 3
"""As many requests as ``infprof run`` drops at the start."""

STOPPED = 4
"""The longest requests are left out: in up to three of them the profiler stops the program to write
what it saw, and the clock would count that into the piece that it stopped."""

STAGES = ("io", "preprocess", "compute", "postprocess", "python", "queue")
"""Laps with another name are left out of the stages told: the script cannot say which it is."""


class Clock:
    """Adds up laps over the requests after the warm-up; each thread has a request of its own."""

    def __init__(self, planted: str | None) -> None:
        """``planted`` is the lap whose share is told; ``None`` where a script cannot time it."""
        self.planted = planted
        self.requests: list[tuple[float, dict[str, float]]] = []
        """Wall and laps of each request that ended."""
        self.answers: list[str] = []
        self.mine = threading.local()
        self.begin()

    def begin(self) -> None:
        """Start a request of this thread; without it a request starts where the last one ended."""
        self.mine.start = self.mine.last = perf_counter()
        self.mine.laps = {}

    def lap(self, piece: str) -> None:
        """The time since the last lap was this piece."""
        now = perf_counter()
        self.add(piece, now - self.mine.last)
        self.mine.last = now

    def add(self, piece: str, seconds: float) -> None:
        """A piece that was timed elsewhere."""
        self.mine.laps[piece] = self.mine.laps.get(piece, 0.0) + seconds

    def done(self, answer: object) -> None:
        """End a request with what it answered."""
        self.requests.append((perf_counter() - self.mine.start, self.mine.laps))
        self.answers.append(repr(answer))
        self.begin()

    def tell(self) -> None:
        """Print the truth, with a fingerprint of all answers in it."""
        usual = sorted(self.requests[WARM_UP:], key=lambda one: one[0])
        usual = usual[: max(len(usual) - STOPPED, 0)]
        wall = sum(one for one, _ in usual)
        sums: dict[str, float] = {}
        for piece, seconds in (lap for _, laps in usual for lap in laps.items()):
            sums[piece] = sums.get(piece, 0.0) + seconds
        shares = {piece: round(seconds / wall, 4) for piece, seconds in sums.items() if wall}
        known = self.planted is not None and wall > 0
        truth = {
            "share": shares.get(self.planted or "", 0.0) if known else None,
            "requests": len(usual),
            "mean_ms": round(1e3 * wall / len(usual), 3) if usual else None,
            "stages": {piece: share for piece, share in shares.items() if piece in STAGES},
            "answer": hashlib.sha256("\n".join(sorted(self.answers)).encode()).hexdigest()[:12],
        }
        print("truth", json.dumps(truth))
