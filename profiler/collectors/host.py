"""The host as the target's process tree meets it: CPU, run queue, disk, network, limits."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import kept
from infprof.profiler.collectors import Facts, Target, Unavailable
from infprof.profiler.probes.cpu_limits import CpuLimits, cpu_limits
from infprof.profiler.probes.host import QuickProbe, SlowProbe
from infprof.profiler.probes.proc import ProcessTree
from infprof.profiler.probes.quiet_files import read
from infprof.profiler.probes.sampler import Ended, Sampler, collected
from infprof.profiler.recording import Cpu, Machine, Note, Series

UNITS = {
    "host.cpu": "%",  # of one CPU: a tree that keeps three CPUs busy has 300
    "host.busiest_thread": "%",
    "host.run_delay": "%",
    "host.machine_cpu": "%",  # of all CPUs
    "host.stolen": "%",  # of all CPUs, by the host of a virtual machine for others
    "host.rss": "bytes",
    "host.disk_read": "bytes/s",  # reached the device
    "host.disk_write": "bytes/s",
    "host.read_chars": "bytes/s",  # also from the page cache; sampling oneself adds 30 kB/s
    "host.network_received": "bytes/s",  # of the whole network namespace
    "host.network_sent": "bytes/s",
    "host.voluntary_switches": "1/s",
    "host.involuntary_switches": "1/s",
    "host.throttled": "1/s",  # periods in which the cgroup ran out of its quota
    "host.throttled_share": "%",  # of all periods
    "host.pressure_cpu": "%",
    "host.pressure_io": "%",
    "host.pressure_memory": "%",
}
_SLOWER = 2
"""The dear and the slow-moving is looked at this much less often."""


class Collector:
    """Samples the target and its children until ``stop`` or until the target ends."""

    def __init__(self, interval_ns: int = 500_000_000, *, root: Path = Path("/")) -> None:
        self._interval_ns, self._root = interval_ns, root
        self.samplers: list[Sampler[str]] = []
        self._machine = Machine()

    def start(self, target: Target) -> None:
        """Begin to sample in the background. Raises ``Unavailable``."""
        self.prepare(target)
        for sampler in self.samplers:
            sampler.start()

    def prepare(self, target: Target) -> None:
        """All of ``start`` but the threads."""
        try:
            import psutil  # noqa: F401
        except ImportError:
            raise Unavailable("psutil is not installed") from None
        try:
            tree = ProcessTree(target.pid, str(self._root / "proc"))
            tree.pids(0)
        except Ended as error:
            raise Unavailable(str(error)) from None
        limits = cpu_limits(self._root, target.pid)
        self._machine = _machine(self._root, target.pid, limits)
        quick, slow = QuickProbe(tree), SlowProbe(tree, limits.stat_file)
        self.samplers = [
            Sampler("infprof-host", self._interval_ns, quick),
            Sampler("infprof-host-slow", self._interval_ns * _SLOWER, slow, capacity=50_000),
        ]

    def stop(self) -> Facts:
        """End and hand over what was seen."""
        for sampler in self.samplers:
            sampler.stop()
        series, points = collected(
            self.samplers, lambda name: Series(name=name, source="host", unit=UNITS[name])
        )
        notes = [
            Note(code="host-sampling-failed", text=f"Sampling of the host ended early: {failure}")
            for failure in (sampler.failure for sampler in self.samplers)
            if failure
        ]
        self.samplers = []
        return Facts(series, points, self._machine, notes)


def _machine(root: Path, pid: int, limits: CpuLimits) -> Machine:
    import psutil

    known = kept()
    return Machine(
        cpu=Cpu(
            name=cpu_name(root),
            logical=psutil.cpu_count(),
            usable=limits.usable,
            memory_bytes=psutil.virtual_memory().total,
            features=cpu_features(root),
        ),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version() if _runs_our_python(root, pid) else None,
        calibration=known if isinstance(known, Calibration) else None,
    )


def cpu_name(root: Path) -> str | None:
    """As the kernel gives it; ``None`` where it does not, as on many ARM machines."""
    for line in (read(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return None


MATRIX_FEATURES = re.compile(r"avx2|avx512f|amx_\w+|avx\w*_(bf16|fp16|vnni|ne_convert|vnni_int8)")


def cpu_features(root: Path) -> list[str] | None:
    """Those that matter to matrix products; ``None`` where the kernel lists none (not x86)."""
    for line in (read(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return sorted(word for word in value.split() if MATRIX_FEATURES.fullmatch(word))
    return None


def _runs_our_python(root: Path, pid: int) -> bool:
    """Whether our own Python version is also the target's."""
    try:
        return os.readlink(root / f"proc/{pid}/exe") == os.path.realpath(sys.executable)
    except OSError:
        return False
