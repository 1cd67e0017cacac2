"""Reads something again and again in the background, within a budget of memory and of time."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import numpy as np

from infprof.profiler.clock import now_ns
from infprof.profiler.recording import Series

Key = TypeVar("Key")

MAX_POINTS = 200_000
MAX_COST_SHARE = 0.05
"""Of one CPU. Reading that costs more than this is done half as often."""
LONGEST_INTERVAL_NS = 10_000_000_000
_TICKS_TO_JUDGE = 20
_NS = 1_000_000_000


class Ended(Exception):
    """What is read has gone for good: sampling ends quietly and keeps what was seen."""


class Points(Generic[Key]):
    """Rows of (key, time, value) in 20 bytes each. At ``capacity`` every second time is dropped."""

    def __init__(self, capacity: int = MAX_POINTS) -> None:
        self._capacity = capacity
        self._ids: dict[Key, int] = {}
        self._key, self._time, self._value = array("i"), array("q"), array("d")

    def __len__(self) -> int:
        return len(self._time)

    def add(self, time_ns: int, values: Mapping[Key, float]) -> bool:
        """Keep what was read at one time. True when that thinned out what is kept."""
        for key, value in values.items():
            if math.isfinite(value):
                self._key.append(self._ids.setdefault(key, len(self._ids)))
                self._time.append(time_ns)
                self._value.append(value)
        if len(self) < self._capacity:
            return False
        self._halve()
        return True

    def rows(self) -> Iterable[tuple[Key, int, float]]:
        """All that is kept, in order of time."""
        keys = list(self._ids)
        for key, time_ns, value in zip(self._key, self._time, self._value, strict=True):
            yield keys[key], time_ns, value

    def _halve(self) -> None:
        time = np.frombuffer(self._time, np.int64)
        # whole times are dropped, so that no series loses more than another
        kept = np.cumsum(np.diff(time, prepend=time[0] - 1) != 0) % 2 == 1
        self._key = array("i", np.frombuffer(self._key, np.int32)[kept].tobytes())
        self._value = array("d", np.frombuffer(self._value, np.float64)[kept].tobytes())
        self._time = array("q", time[kept].tobytes())


class Sampler(Generic[Key]):
    """Calls ``read(time_ns)`` every ``interval_ns`` in a daemon thread and keeps what it returns.

    Nothing that ``read`` raises leaves the thread: ``Ended`` ends the sampling quietly, anything
    else ends it and is described in ``failure``. ``tick`` takes one sample by hand.
    """

    def __init__(
        self, name: str, interval_ns: int, read: Callable[[int], Mapping[Key, float]], *,
        capacity: int = MAX_POINTS,
        now: Callable[[], int] = now_ns,
        cost: Callable[[], int] = time.thread_time_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:  # fmt: skip
        self.interval_ns = interval_ns
        self.points: Points[Key] = Points(capacity)
        self.failure: str | None = None
        self.cost_ns = 0
        """CPU time that reading took."""
        self._read, self._now, self._cost = read, now, cost
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._judged_ticks = self._judged_cost_ns = 0
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin to sample in the background."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End. False when a read hangs so long that the thread had to be left behind."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def tick(self) -> bool:
        """Take one sample now. False when no more should be taken."""
        before = self._cost()
        time_ns = self._now()
        try:
            values = self._read(time_ns)
        except Ended:
            return False
        except Exception as error:  # our failure must not become one of the watched program
            self.failure = f"{type(error).__name__}: {error}"
            return False
        if self._stopping.is_set():  # a read that hung past stop(): the points are handed over
            return False
        if self.points.add(time_ns, values):
            self._slow_down()
        self._stay_cheap(self._cost() - before)
        return True

    def _loop(self) -> None:
        due = self._now()
        while self.tick():
            late = self._now() - due  # ticks that were missed are not made up for
            due += self.interval_ns * (late // self.interval_ns + 1)
            if self._wait(max(0, due - self._now()) / _NS):
                return

    def _stay_cheap(self, cost_ns: int) -> None:
        self.cost_ns += cost_ns
        self._judged_cost_ns += cost_ns
        self._judged_ticks += 1
        if self._judged_ticks == _TICKS_TO_JUDGE:
            if self._judged_cost_ns > MAX_COST_SHARE * _TICKS_TO_JUDGE * self.interval_ns:
                self._slow_down()
            self._judged_ticks = self._judged_cost_ns = 0

    def _slow_down(self) -> None:
        self.interval_ns = min(2 * self.interval_ns, LONGEST_INTERVAL_NS)


def collected(
    samplers: Iterable[Sampler[Key]], series_of: Callable[[Key], Series]
) -> tuple[list[Series], list[tuple[int, int, float]]]:
    """The series that have points, and the points of all samplers as ``Facts`` wants them."""
    index: dict[Key, int] = {}
    points = [
        (index.setdefault(key, len(index)), time_ns, value)
        for sampler in samplers
        for key, time_ns, value in sampler.points.rows()
    ]
    return [series_of(key) for key in index], points
