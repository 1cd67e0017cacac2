"""Free memory and cache sizes as made-up kernels tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infprof.profiler.probes.memory import available_bytes, last_level_cache_bytes

GROUP = "sys/fs/cgroup/"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_kernel_that_says_nothing(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None and last_level_cache_bytes(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 1_024_000),
        ({"proc/self/cgroup": "0::/\n", f"{GROUP}memory.max": "max\n"}, 1_024_000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                f"{GROUP}a/b/memory.max": "900000\n",
                f"{GROUP}a/b/memory.current": "100000\n",
                f"{GROUP}a/memory.max": "500000\n",  # the tighter one is further up
                f"{GROUP}a/memory.current": "300000\n",
                f"{GROUP}a/memory.stat": "anon 5\ninactive_file 50000\n",
            },
            250_000,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/m\n1:cpu:/c\n",
                f"{GROUP}memory/m/memory.limit_in_bytes": "400000\n",
                f"{GROUP}memory/m/memory.usage_in_bytes": "500000\n",
            },
            0,
        ),
    ],
)
def test_the_tightest_limit_counts(files: dict[str, str], free: int, tmp_path: Path) -> None:
    meminfo = "MemTotal: 2000 kB\nMemFree: 10 kB\nMemAvailable:    1000 kB\n"
    assert available_bytes(write(tmp_path, {"proc/meminfo": meminfo, **files})) == free


def test_caches_of_the_highest_level_are_added_up(tmp_path: Path) -> None:
    caches = {  # two CPUs share each of two L3
        f"cpu{cpu}/cache/index{level}": (level, "48K" if level == 1 else "32M", shared)
        for cpu, l3 in ((0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3"))
        for level, shared in ((1, str(cpu)), (3, l3))
    }
    for folder, (level, size, shared) in caches.items():
        base = f"sys/devices/system/cpu/{folder}"
        files = {"level": f"{level}\n", "size": f"{size}\n", "shared_cpu_list": f"{shared}\n"}
        write(tmp_path, {f"{base}/{name}": text for name, text in files.items()})
    write(tmp_path, {"sys/devices/system/cpu/cpufreq/boost": "1"})
    assert last_level_cache_bytes(tmp_path) == 2 * 32 * 2**20
