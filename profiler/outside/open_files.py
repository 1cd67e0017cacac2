"""What a process has mapped and opened, and what that says of Python, torch and GPUs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from infprof.profiler.collectors import Unavailable
from infprof.profiler.outside.command_line import PYTHON
from infprof.profiler.probes.nvml_devices import connect
from infprof.profiler.probes.quiet_files import read

PYPY = "PyPy"
"""Stands for its version: no program reads PyPy's stacks from outside."""

_VERSIONS = tuple(
    re.compile(pattern)
    for pattern in (
        r"/libpython(?P<all>\d\.\d+t?)[dm]*\.so",
        r"/python(?P<all>\d\.\d+t?)[dm]*$",
        r"\.cpython-(?P<major>\d)(?P<minor>\d+t?)[dm]*-[^/]*\.so$",
        r"/python(?P<all>\d\.\d+t?)/",
    )
)
"""The surest first: a folder's name also is in what merely belongs to Python."""

_TORCH = re.compile(r"/libtorch(_[a-z_]+)?\.so")
_COMPUTES = re.compile(r"/dev/(nvidia-uvm|kfd|dxg|nvhost-.+)")
"""Opened by programs that compute. Those that only ask a GPU how it is, as ``nvidia-smi`` and our
own launcher do, need none of these."""
_NVIDIA = re.compile(r"/dev/nvidia\d+")

_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of the kernel: there, NVML's process ids are also ours."""


def mapped(pid: int) -> set[str] | None:
    """Files in its memory; ``None`` where we may not know."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:  # a thread of the kernel, or a process that ended
        return set()
    except OSError:
        return None
    found = set()
    for line in (read(f"/proc/{pid}/maps") or "").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):
            found.add(fields[5].removesuffix(" (deleted)"))
    return found


def opened(pid: int) -> set[str] | None:
    """Files that it holds open; ``None`` where we may not know."""
    folder, found = f"/proc/{pid}/fd", set()
    try:
        numbers = os.listdir(folder)
    except OSError:
        return None
    for number in numbers:
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(f"{folder}/{number}"))
    return found


def python_in(files: Iterable[str], program: str) -> str | None:
    """The version of the Python that has these files mapped, as ``3.11`` or ``3.13t``; empty where
    there is one of unknown version, ``None`` where there is none."""
    files = list(files)
    if program.startswith("pypy") or any("/libpypy" in file for file in files):
        return PYPY
    for pattern in _VERSIONS:
        for file in files:
            if found := pattern.search(file):
                parts = found.groupdict()
                return parts.get("all") or f"{parts['major']}.{parts['minor']}"
    return "" if PYTHON.fullmatch(program) else None


def torch_in(files: Iterable[str]) -> bool:
    """Whether torch is loaded."""
    return any(_TORCH.search(file) for file in files)


class GpuUse:
    """Tells who computes on a GPU; asks NVML once, and only where files do not say."""

    def __init__(self, connection: Callable[[], Any] = connect) -> None:
        self._connection = connection
        self._listed: set[int] | None = None
        self._asked = False

    def by(self, pid: int, files: Iterable[str] | None) -> bool | None:
        """``files``: mapped and opened ones; ``None`` where we may not know them."""
        files = None if files is None else list(files)
        if files is not None and any(map(_COMPUTES.match, files)):
            return True
        if files is not None and not any(map(_NVIDIA.match, files)):
            return False
        listed = self._pids()
        if listed is None:
            return None
        if pid in listed:
            return True
        return None if files is None else False

    def _pids(self) -> set[int] | None:
        if not self._asked:
            self._asked = True
            self._listed = pids_on_gpus(self._connection) if sees_all_processes() else None
        return self._listed


def sees_all_processes() -> bool:
    """Whether our process ids are those of the whole machine, and not of a container."""
    try:
        return os.readlink("/proc/self/ns/pid") == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def pids_on_gpus(connection: Callable[[], Any] = connect) -> set[int] | None:
    """Processes that NVML knows to compute on some GPU; ``None`` where it does not say."""
    try:
        nvml = connection()
    except Unavailable:
        return None
    try:
        found = set()
        for index in range(nvml.nvmlDeviceGetCount()):
            gpu = nvml.nvmlDeviceGetHandleByIndex(index)
            found |= {one.pid for one in nvml.nvmlDeviceGetComputeRunningProcesses(gpu)}
        return found
    except nvml.NVMLError:
        return None
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()
