"""Memory that this process may still take, and the size of the processor's caches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from infprof.profiler.probes.quiet_files import names, read

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def available_bytes(root: Path = Path("/")) -> int | None:
    """What the machine and every enclosing cgroup leave; ``None`` where the kernel does not say.

    A cgroup's file cache that was not used lately counts as free, as the kernel takes it first.
    """
    free = [room for folder in _cgroups(root) if (room := _room(folder)) is not None]
    for line in (read(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    return min(free, default=None)


def last_level_cache_bytes(root: Path = Path("/")) -> int | None:
    """All caches of the highest level together; ``None`` where the kernel does not tell them."""
    found: dict[tuple[int, str], int] = {}
    cpus = root / "sys/devices/system/cpu"
    for cpu in (name for name in names(cpus) if name[3:].isdigit()):
        for index in (name for name in names(cpus / cpu / "cache") if name.startswith("index")):
            folder = cpus / cpu / "cache" / index
            level, size, shared = (
                (read(folder / file) or "").strip() for file in ("level", "size", "shared_cpu_list")
            )
            if level.isdigit() and size[:-1].isdigit() and size[-1:] in _UNITS:
                found[int(level), shared] = int(size[:-1]) * _UNITS[size[-1]]
    highest = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == highest) or None


def _cgroups(root: Path) -> Iterable[Path]:
    """Every folder that may limit this process's memory, from its own cgroup up to the mount."""
    for line in (read(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and "memory" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("" if number == "0" else "memory")
        # In a container the path may be the host's: the mount itself then is its own cgroup.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield mount.joinpath(*parts[:depth])


def _room(folder: Path) -> int | None:
    for limit, usage in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        most, used = ((read(folder / file) or "").strip() for file in (limit, usage))
        if most.isdigit() and used.isdigit():  # a v2 group without a limit says "max"
            return max(0, int(most) - int(used) + _idle_file_cache(folder))
    return None


def _idle_file_cache(folder: Path) -> int:
    for line in (read(folder / "memory.stat") or "").splitlines():
        key, _, value = line.partition(" ")
        if key in ("inactive_file", "total_inactive_file") and value.isdigit():
            return int(value)
    return 0
