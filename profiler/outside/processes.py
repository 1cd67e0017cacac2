"""Which processes there are under a pid, and which of them serve."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from infprof.profiler.agent.asking import socket_of
from infprof.profiler.bad_input import BadInput
from infprof.profiler.outside.command_line import command_line, name_of
from infprof.profiler.outside.hindrances import hindrance
from infprof.profiler.outside.open_files import GpuUse
from infprof.profiler.outside.process import Process, seen, status
from infprof.profiler.probes.proc import ProcessTree, scheduled, threads
from infprof.profiler.probes.sampler import Ended
from infprof.profiler.redact import redact

__all__ = ["Process", "look", "servers"]

MOST_PID = 1 << 22
"""PID_MAX_LIMIT of Linux."""

LAUNCHER_SHARE = 0.01
"""Of one CPU: those of gunicorn and uvicorn were seen to take 0.1 % to see after their workers."""
LAUNCHER_THREADS = 2
"""gunicorn's has a second one for its control socket; a parent that hands work to a pool of
processes has three."""

_HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")

_LIST = "`ps -ef | grep python` lists those there are"


def look(pid: int) -> list[Process]:
    """The process and all its descendants that are alive, itself first; ourselves left out.

    Raises ``BadInput`` where ``infprof attach`` could not sample it: no such process, none that
    runs Python, or something forbids to look into it; where it runs no Python itself, into all of
    its descendants that do.
    """
    _must_live(pid)
    gpus = GpuUse()
    found = [one for one in (seen(each, gpus) for each in _pids(pid)) if one is not None]
    if not found or found[0].pid != pid:
        raise BadInput(f"process {pid} has just ended; {_LIST}")
    pythons = [one for one in found if one.python is not None]
    _must_be_open(pythons[:1] if found[0] in pythons else pythons or _closed(found))
    if not pythons:
        raise BadInput(_no_python(found))
    return found


def servers(processes: Sequence[Process], watch_s: float = 0.3) -> list[Process]:
    """Those worth watching: all that run Python and use torch or a GPU; where none does, all that
    run Python but ``multiprocessing``'s helpers.

    Left out are those that only launch: they have others of these below them, two threads at most
    besides an agent's, and are asleep all of ``watch_s`` seconds, for which this then waits. A
    parent that works while we look stays in.
    """
    pythons = [one for one in processes if one.python is not None]
    using = [one for one in pythons if one.uses_torch or one.uses_gpu]
    workers = using or [one for one in pythons if one.name not in _HELPERS]
    above = _ancestors(workers, {one.pid: one.parent for one in processes})
    small = [one for one in workers if one.pid in above and _own_threads(one) <= LAUNCHER_THREADS]
    launchers = _asleep([one.pid for one in small], watch_s)
    return [one for one in workers if one.pid not in launchers] or pythons


def _own_threads(process: Process) -> int:
    return process.threads - (socket_of(process.pid) is not None)


def _must_live(pid: int) -> None:
    if pid == os.getpid():
        raise BadInput(f"process {pid} is infprof itself, not your server; {_LIST}")
    told = status(pid) if 0 < pid <= MOST_PID else {}
    if not told:
        if _is_hidden(pid):
            raise BadInput(
                f"process {pid} is hidden from this user; try: sudo infprof attach {pid}"
            )
        raise BadInput(f"there is no process {pid}; {_LIST}")
    if told.get("Tgid", str(pid)) != str(pid):
        group = told["Tgid"]
        raise BadInput(f"{pid} is a thread of process {group}; try: infprof attach {group}")
    if told["State"][0] in "ZX":
        raise BadInput(_of_the_dead(pid, int(told["PPid"])))


def _must_be_open(processes: Iterable[Process]) -> None:
    """One of them at least."""
    hindrances = [hindrance(one) for one in processes]
    if hindrances and None not in hindrances:
        raise BadInput(str(hindrances[0]))


def _is_hidden(pid: int) -> bool:
    """``/proc`` may be mounted so that it shows nobody else's processes (hidepid=2)."""
    try:
        if 0 < pid <= MOST_PID:
            os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        pass
    return False


def _of_the_dead(pid: int, parent: int) -> str:
    name = name_of(redact(command_line(parent)), status(parent).get("Name", ""))
    waits = f"and waits for its parent, process {parent} ({name}), to take note"
    return f"process {pid} has ended {waits} (a zombie); {_LIST}"


def _pids(pid: int) -> list[int]:
    try:
        found = ProcessTree(pid).pids(0)
        ours = ProcessTree(os.getpid()).pids(0) if os.getpid() in found else ()
    except Ended:
        return []
    return [one for one in found if one not in ours]


def _closed(processes: Iterable[Process]) -> list[Process]:
    return [one for one in processes if one.uses_torch is None]


def _no_python(found: list[Process]) -> str:
    first, others = found[0], len(found) - 1
    below = {0: "", 1: ", nor does its child"}.get(others, f", nor do the {others} below it")
    return f"{first.label} does not run Python{below}; {_LIST}"


def _ancestors(processes: Iterable[Process], parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    for process in processes:
        pid = process.parent
        while pid in parents and pid not in found:
            found.add(pid)
            pid = parents[pid]
    return found


def _asleep(pids: Sequence[int], watch_s: float) -> set[int]:
    """Those that hardly run while we wait; none where the kernel does not count."""
    if not pids:
        return set()
    before = {pid: _ran_ns(pid) for pid in pids}
    time.sleep(watch_s)
    found = set()
    for pid in pids:
        first, last = before[pid], _ran_ns(pid)
        if first is not None and last is not None and last - first < LAUNCHER_SHARE * watch_s * 1e9:
            found.add(pid)
    return found


def _ran_ns(pid: int) -> int | None:
    ran = [scheduled("/proc", pid, thread) for thread in threads("/proc", pid)]
    known = [one.ran_ns for one in ran if one is not None]
    return sum(known) if known and len(known) == len(ran) else None
