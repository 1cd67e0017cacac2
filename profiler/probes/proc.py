"""What Linux tells about a process and its children in ``/proc``, as plain numbers.

A file that is missing or forbidden gives ``None`` or nothing: never zero.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from infprof.profiler.probes.quiet_files import names, read
from infprof.profiler.probes.sampler import Ended

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_REFRESH_NS = 1_000_000_000


class Stat(NamedTuple):
    """The fields of ``/proc/<pid>/stat`` that we use."""

    state: str
    cpu_s: float
    """User and system time of all threads, also of those that ended."""
    start_ticks: int
    """When it started: tells a process from a later one with the same id."""
    rss_bytes: int


class Scheduled(NamedTuple):
    """``/proc/<pid>/task/<tid>/schedstat``: what one thread got from the scheduler so far."""

    ran_ns: int
    waited_ns: int
    """Time on the run queue, ready but without a CPU."""


def stat(proc: str, pid: int) -> Stat | None:
    """State, times and memory of a process; ``None`` when it is gone."""
    text = read(f"{proc}/{pid}/stat")
    if not text:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return Stat(
        fields[0],
        (int(fields[11]) + int(fields[12])) / CLOCK_TICKS,
        int(fields[19]),
        int(fields[21]) * PAGE_BYTES,
    )


def threads(proc: str, pid: int) -> list[int]:
    """Ids of its threads; none when it is gone."""
    return [int(name) for name in names(f"{proc}/{pid}/task")]


def scheduled(proc: str, pid: int, thread: int) -> Scheduled | None:
    """CPU time and run-queue wait of one thread; ``None`` where the kernel does not count them."""
    fields = (read(f"{proc}/{pid}/task/{thread}/schedstat") or "").split()
    return Scheduled(int(fields[0]), int(fields[1])) if len(fields) >= 2 else None


def environment_of(pid: int) -> dict[str, str]:
    """With which the process was started; empty where that cannot be read."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in text.split("\0"))
    return {name: value for name, equals, value in pairs if equals}


def numbers(text: str | None) -> dict[str, int]:
    """The lines ``name: 123`` or ``name 123`` of files such as ``io``, ``status``, ``cpu.stat``."""
    found = {}
    for line in (text or "").splitlines():
        words = line.replace(":", " ").split()
        if len(words) == 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


class ProcessTree:
    """A process and its descendants, e.g. DataLoader workers; looked up anew once a second."""

    def __init__(self, pid: int, proc: str = "/proc") -> None:
        first = stat(proc, pid)
        if first is None:
            raise Ended(f"there is no process {pid}")
        self.pid, self.proc = pid, proc
        self._start_ticks = first.start_ticks
        self._pids: tuple[int, ...] = (pid,)
        self._fresh_until_ns = -1

    def pids(self, time_ns: int) -> tuple[int, ...]:
        """Ids, the process itself first. Raises ``Ended`` once it is gone, also as a zombie."""
        if time_ns > self._fresh_until_ns:
            now = stat(self.proc, self.pid)
            if now is None or now.state in "ZX" or now.start_ticks != self._start_ticks:
                raise Ended(f"process {self.pid} ended")
            self._pids = (self.pid, *self._descendants(self.pid))
            self._fresh_until_ns = time_ns + _REFRESH_NS
        return self._pids

    def _descendants(self, pid: int) -> Iterable[int]:
        if read(f"{self.proc}/{pid}/task/{pid}/children") is None:  # not in every kernel
            yield from _children_by_walk(pid)
            return
        for thread in threads(self.proc, pid):
            for child in (read(f"{self.proc}/{pid}/task/{thread}/children") or "").split():
                yield int(child)
                yield from self._descendants(int(child))


def _children_by_walk(pid: int) -> list[int]:
    """The same from the parents of all processes of the machine, which takes far longer."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []
