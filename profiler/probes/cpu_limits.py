"""How much CPU a process may use: its affinity mask and the quotas of its cgroups, v1 or v2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infprof.profiler.probes.quiet_files import read


@dataclass(frozen=True, slots=True)
class CpuLimits:
    """Limits on a process; ``None`` where there is none or it is not known."""

    allowed: int | None
    """CPUs in the affinity mask."""
    quota: float | None
    """CPUs' worth of time per period: the tightest of all enclosing cgroups."""
    stat_file: Path | None
    """``cpu.stat`` of the cgroup with that quota: counts the periods it was throttled in."""

    @property
    def usable(self) -> int | None:
        """Whole CPUs it can keep busy; at least one."""
        if self.quota is None:
            return self.allowed
        whole = max(1, int(self.quota))
        return whole if self.allowed is None else min(self.allowed, whole)


def cpu_limits(root: Path = Path("/"), pid: int | str = "self") -> CpuLimits:
    """Read the limits of a process. ``root`` is the folder that holds ``proc`` and ``sys``."""
    quotas = [
        (quota, folder / "cpu.stat")
        for folder in _cgroups(root, pid)
        if (quota := _quota(folder)) is not None
    ]
    quota, stat_file = min(quotas, default=(None, None))
    return CpuLimits(_allowed(root, pid), quota, stat_file)


def _cgroups(root: Path, pid: int | str) -> Iterable[Path]:
    """Every folder that may limit the process, from its own cgroup up to the mount."""
    for line in (read(root / f"proc/{pid}/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        mounts = ("", "unified") if number == "0" else (controllers, "cpu", "cpu,cpuacct")
        for mount in dict.fromkeys(mounts):
            yield from _up(root / "sys/fs/cgroup" / mount, path)


def _up(mount: Path, path: str) -> Iterable[Path]:
    # Inside a container the path may be the host's and not exist here; the mount itself then is
    # the container's own cgroup, so parents that do exist are still worth asking.
    inside = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(inside), -1, -1):
        yield mount.joinpath(*inside[:depth])


def _quota(folder: Path) -> float | None:
    fields = (read(folder / "cpu.max") or "").split()  # v2: "200000 100000" or "max 100000"
    if not fields:  # v1: two files, -1 for no limit
        files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        fields = [(read(folder / name) or "").strip() for name in files]
    if len(fields) == 2 and all(field.isdigit() for field in fields) and int(fields[1]) > 0:
        return int(fields[0]) / int(fields[1])
    return None


def _allowed(root: Path, pid: int | str) -> int | None:
    for line in (read(root / f"proc/{pid}/status") or "").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return sum(map(_span, line.split(":", 1)[1].strip().split(",")))
    return None


def _span(text: str) -> int:
    """CPUs in ``3`` or ``0-7``."""
    first, _, last = text.partition("-")
    return int(last or first) - int(first) + 1
