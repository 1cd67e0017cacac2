"""How much of the machine's CPUs others used meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

from infprof.profiler.probes.host import MACHINE, machine_cpu
from infprof.profiler.probes.proc import CLOCK_TICKS
from infprof.profiler.probes.quiet_files import read


class OtherWork:
    """Counts from when it is made. What a hypervisor gave to other machines is others' work too."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._before = self._now()

    def share(self) -> float | None:
        """Of all CPU time since then, 0 to 1; ``None`` where the kernel does not say."""
        if self._before is None or (now := self._now()) is None:
            return None
        busy, idle, own = (new - old for new, old in zip(now, self._before, strict=True))
        if busy + idle <= 0:
            return None
        return min(max(busy - own, 0.0) / (busy + idle), 1.0)

    def _now(self) -> tuple[float, float, float] | None:
        """CPU seconds that the machine was busy, was idle, and that this process used."""
        found = machine_cpu(read(self._root / "proc/stat"))
        if not found:
            return None
        busy, idle = (found[name, MACHINE] / CLOCK_TICKS for name in ("busy", "idle"))
        return busy, idle, time.process_time()
