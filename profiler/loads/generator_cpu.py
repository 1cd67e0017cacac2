"""How much CPU a load generator used while it sent, seen from outside."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from infprof.profiler.clock import now_ns
from infprof.profiler.probes.proc import ProcessTree, scheduled, stat, threads
from infprof.profiler.probes.sampler import Ended

MOST_LOOKS = 1_000
"""At twice as many every second is forgotten."""


@dataclass(frozen=True, slots=True)
class Look:
    """CPU time until now."""

    time_ns: int
    process_s: dict[int, float]
    """By process, of all its threads, also of those that ended."""
    thread_ns: dict[int, int]


@dataclass(slots=True)
class GeneratorCpu:
    """A process and all below it, looked at now and then while it runs."""

    pid: int
    looks: list[Look] = field(default_factory=list)
    _tree: ProcessTree | None = None

    def look(self) -> None:
        """Note what it used so far; nothing once it is gone."""
        try:
            self._tree = self._tree or ProcessTree(self.pid)
            pids = self._tree.pids(now_ns())
        except Ended:
            return
        found = {pid: one for pid in pids if (one := stat("/proc", pid)) is not None}
        ran = {
            thread: told.ran_ns
            for pid in found
            for thread in threads("/proc", pid)
            if (told := scheduled("/proc", pid, thread)) is not None
        }
        spent = {pid: one.cpu_s for pid, one in found.items()}
        self.looks.append(Look(now_ns(), spent, ran))
        if len(self.looks) >= 2 * MOST_LOOKS:
            del self.looks[1::2]

    def share(self, window_ns: int | None) -> float | None:
        """Of the CPUs it may use, over the last so many ns (while it sent; before, it got ready).

        Where one thread did more than its part, of the one CPU that this thread can use: an event
        loop at its limit sends late however many CPUs are idle. ``None``: it ended too soon.
        """
        if len(self.looks) < 2:
            return None
        last = self.looks[-1]
        since = last.time_ns - window_ns if window_ns else self.looks[0].time_ns
        first = [one for one in self.looks[:-1] if one.time_ns <= since] or self.looks[:1]
        begin = first[-1]
        wall_ns = last.time_ns - begin.time_ns
        if wall_ns <= 0:
            return None
        spent_s = sum(now - begin.process_s.get(one, 0.0) for one, now in last.process_s.items())
        busiest = max(
            (now - begin.thread_ns.get(one, 0) for one, now in last.thread_ns.items()), default=0
        )
        together = spent_s * 1e9 / wall_ns / len(os.sched_getaffinity(0))
        return min(max(together, busiest / wall_ns), 1.0)
