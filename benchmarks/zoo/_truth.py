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

STAGES = ("io", "preprocess", "compute", "postprocess", "python", "queue")
"""Laps with another name are left out of the stages told: the script cannot say which it is."""


class Clock:
    """Adds up laps over the requests after the warm-up; each thread has a request of its own."""

    def __init__(self, planted: str | None) -> None:
        """``planted`` is the lap whose share is told; ``None`` where a script cannot time it."""
        self.planted = planted
        self.laps: list[tuple[str, float]] = []
        self.walls: list[float] = []
        self.answers: list[str] = []
        self.mine = threading.local()
        self.begin()

    def begin(self) -> None:
        """Start a request of this thread; without it a request starts where the last one ended."""
        self.mine.start = self.mine.last = perf_counter()

    def lap(self, piece: str) -> None:
        """The time since the last lap was this piece."""
        now = perf_counter()
        self.laps.append((piece, now - self.mine.last))
        self.mine.last = now

    def add(self, piece: str, seconds: float) -> None:
        """A piece that was timed elsewhere."""
        self.laps.append((piece, seconds))

    def done(self, answer: object) -> None:
        """End a request with what it answered."""
        self.walls.append(perf_counter() - self.mine.start)
        self.answers.append(repr(answer))
        if len(self.answers) == WARM_UP:
            self.laps.clear()
            self.walls.clear()
        self.begin()

    def tell(self) -> None:
        """Print the truth, with a fingerprint of all answers in it."""
        wall = sum(self.walls)
        sums: dict[str, float] = {}
        for piece, seconds in self.laps:
            sums[piece] = sums.get(piece, 0.0) + seconds
        shares = {piece: round(seconds / wall, 4) for piece, seconds in sums.items() if wall}
        known = self.planted is not None and wall > 0
        truth = {
            "share": shares.get(self.planted or "", 0.0) if known else None,
            "requests": len(self.walls),
            "mean_ms": round(1e3 * wall / len(self.walls), 3) if self.walls else None,
            "stages": {piece: share for piece, share in shares.items() if piece in STAGES},
            "answer": hashlib.sha256("\n".join(sorted(self.answers)).encode()).hexdigest()[:12],
        }
        print("truth", json.dumps(truth))
