"""What the target's processes hold of a GPU and run on it, and how much others do.

Of others nothing is looked at but that they are there. In a container NVML may name processes as
the host does: where it names none of ours, who is another is not known either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

Pids = Callable[[], tuple[int, ...]]


class Holding:
    """The processes that have a context on the device."""

    def __init__(self, nvml: Any, part: Any, pids: Pids) -> None:
        self._nvml, self._part, self._pids = nvml, part, pids
        self._ours = self._all = 0

    def memory(self) -> float | None:
        """Bytes that ours hold. Asks the driver."""
        self._ours = self._all = 0
        rows = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._part)
        pids = self._pids()
        ours = [row for row in rows if row.pid in pids]
        self._ours, self._all = _processes(ours), _processes(rows)
        used = [row.usedGpuMemory for row in ours if row.usedGpuMemory is not None]
        return sum(used) if used else None

    def others(self) -> float | None:
        """How many of the processes are not ours, as ``memory`` saw them."""
        return self._all - self._ours if self._ours else None


class Working:
    """The share of time that processes' kernels ran, as the driver samples it."""

    def __init__(self, nvml: Any, part: Any, pids: Pids) -> None:
        self._nvml, self._part, self._pids = nvml, part, pids
        self._newest_us = time.time_ns() // 1000
        """The driver dates its samples in epoch microseconds; its history does not concern us."""
        self._shares: dict[int, float] = {}
        self._mine: set[int] = set()

    def utilization(self) -> float | None:
        """Of ours, in percent, from samples newer than those of the call before; ``None`` without
        any. Asks the driver."""
        self._shares, self._mine = {}, set()
        rows = self._nvml.nvmlDeviceGetProcessUtilization(self._part, self._newest_us)
        filled = [row for row in rows if row.smUtil <= 100]  # some drivers leave rows as garbage
        self._newest_us = max((row.timeStamp for row in filled), default=self._newest_us)
        self._shares = {row.pid: row.smUtil for row in filled}
        self._mine = self._shares.keys() & set(self._pids())
        return sum(self._shares[pid] for pid in self._mine) if self._mine else None

    def ours(self) -> float | None:
        """How many of ours ran a kernel, as ``utilization`` saw it."""
        return sum(self._shares[pid] > 0 for pid in self._mine) if self._mine else None

    def others(self) -> float | None:
        """What others used, in percent."""
        if not self._mine:
            return None
        return sum(share for pid, share in self._shares.items() if pid not in self._mine)


def _processes(rows: Iterable[Any]) -> int:
    return len({row.pid for row in rows})
