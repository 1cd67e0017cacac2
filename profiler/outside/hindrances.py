"""What keeps us from sampling one process: permission, its state, or its Python."""

from __future__ import annotations

import re
import time

from infprof.profiler.outside.open_files import PYPY
from infprof.profiler.outside.permission import Hindrance, forbidden
from infprof.profiler.outside.process import Process, status

OLDEST, NEWEST = (3, 3), (3, 14)
"""What py-spy 0.4 reads besides 2.7 (its ``Version`` tables); free-threaded builds it does not
(benfred/py-spy#711)."""

_VERSION = re.compile(r"(\d)\.(\d+)(t?)")
_LOOKS, _BETWEEN_S = 5, 0.01
"""A tracer such as strace halts a process for moments; a debugger keeps it halted."""

_PAGE_INSTEAD = "infprof attach http://HOST:PORT  # its metrics page, if it has one"


def hindrance(process: Process) -> Hindrance | None:
    """The first thing that forbids to sample it, ``None`` where nothing does. Takes some hundredths
    of a second where it is stopped."""
    return (
        forbidden(process.pid, process.label, process.uid)
        or halted(process)
        or unreadable_python(process)
    )


def halted(process: Process) -> Hindrance | None:
    """Whether it does not run at all. It is left as it is: who stopped it had a reason."""
    if process.state not in "Tt" or not _stays_halted(process.pid):
        return None
    tracer = int(status(process.pid).get("TracerPid", "0"))
    if process.state == "T" and not tracer:
        return Hindrance(f"{process.label} is stopped", f"kill -CONT {process.pid}")
    name = status(tracer).get("Name", "") if tracer else ""
    by = f"process {tracer} ({name})" if name.isprintable() and name else "a debugger"
    return Hindrance(f"{process.label} is held by {by}", "detach, in the debugger")


def unreadable_python(process: Process) -> Hindrance | None:
    """Whether py-spy would not know this Python."""
    version = process.python
    if not version or _is_read(version):
        return None
    name = PYPY if version == PYPY else f"Python {version}"
    known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    why = f"{process.label} runs {name}; py-spy reads the stacks of CPython {known} with a GIL"
    return Hindrance(why, _PAGE_INSTEAD)


def _is_read(version: str) -> bool:
    parts = _VERSION.fullmatch(version)
    if parts is None or parts[3]:
        return False
    return OLDEST <= (int(parts[1]), int(parts[2])) <= NEWEST or version == "2.7"


def _stays_halted(pid: int) -> bool:
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_S)
        if status(pid).get("State", "?")[0] not in "Tt":
            return False
    return True
