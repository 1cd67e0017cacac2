"""One running process, as ``/proc`` shows it at one moment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from infprof.profiler.outside.command_line import PYTHON, command_line, name_of
from infprof.profiler.outside.open_files import GpuUse, mapped, opened, python_in, torch_in
from infprof.profiler.probes import proc
from infprof.profiler.probes.quiet_files import read
from infprof.profiler.redact import redact


@dataclass(frozen=True, slots=True)
class Process:
    """What it is. Facts of one moment; ``None`` is unknown, but for ``python``."""

    pid: int
    name: str
    """Of the script, module or program: one printable line."""
    command: list[str]
    """Its arguments, with what looks secret replaced; empty where it tells none."""
    python: str | None
    """``3.11``; empty where it runs Python of unknown version, ``None`` where it runs none or may
    not be looked into and does not look like one."""
    uses_torch: bool | None
    """Whether torch is loaded; ``None`` where it may not be looked into."""
    uses_gpu: bool | None
    """Whether it computes on a GPU; ``None`` where neither its files nor NVML say."""
    threads: int
    state: str
    """The kernel's letter: R running, S asleep, D waiting for a device, T stopped, t traced."""
    uid: int
    """Its effective user."""
    parent: int
    """The parent's pid."""
    start_ticks: int
    """When it started: tells it from a later process with the same pid."""

    @property
    def label(self) -> str:
        """How sentences call it."""
        return f"process {self.pid} ({self.name})"


def status(pid: int) -> dict[str, str]:
    """The fields of ``/proc/<pid>/status``; none when it is gone or hidden."""
    lines = (read(f"/proc/{pid}/status") or "").splitlines()
    parted = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in parted}


def seen(pid: int, gpus: GpuUse) -> Process | None:
    """The process; ``None`` when it has ended."""
    told, times, command = status(pid), proc.stat("/proc", pid), command_line(pid)
    if times is None or "Uid" not in told or told["State"][0] in "ZX":
        return None
    files = mapped(pid)
    program = _program(pid, told.get("Name", ""))
    clean = redact(command)
    handles = None if files is None else opened(pid)
    return Process(
        pid=pid,
        name=name_of(clean, program),
        command=clean,
        python=_python_by_name(command, program) if files is None else python_in(files, program),
        uses_torch=None if files is None else torch_in(files),
        uses_gpu=gpus.by(pid, None if files is None or handles is None else files | handles),
        threads=int(told["Threads"]),
        state=told["State"][0],
        uid=int(told["Uid"].split()[1]),
        parent=int(told["PPid"]),
        start_ticks=times.start_ticks,
    )


def _program(pid: int, otherwise: str) -> str:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except OSError:
        return otherwise


def _python_by_name(command: list[str], program: str) -> str | None:
    """All there is to go by where its memory is closed to us."""
    first = os.path.basename(command[0]) if command else ""
    return "" if PYTHON.fullmatch(first) or PYTHON.fullmatch(program) else None
