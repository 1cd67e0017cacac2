"""Loads the agent into a process that did not opt in, where its Python lets others run code in it.

That is Python 3.14 and later (PEP 768, ``sys.remote_exec``), of the same version on both sides, and
a user who may trace the process. The agent ends after one visit, or after a minute without one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from infprof.profiler.agent.asking import socket_of
from infprof.profiler.bad_input import BadInput

LOADING_S = 10.0
"""The process's main thread runs the code once it is between two instructions of Python."""

LOOK_S = 0.02

SCRIPT = """\
def _infprof_agent():
    import sys
    sys.path.append({home!r})
    try:
        from infprof.profiler.agent.serving import start
    finally:
        sys.path.remove({home!r})
    start(once=True)
_infprof_agent()
del _infprof_agent
"""
"""It runs in the program's ``__main__``, where it leaves no name."""


def script() -> str:
    """The code to run there. Our own files, if the process has no infprof of its own."""
    return SCRIPT.format(home=str(Path(str(sys.modules["infprof"].__file__)).parent.parent))


def inject(pid: int) -> None:
    """Load the agent into a process and wait until it listens. Raises ``BadInput``."""
    remote_exec: Any = getattr(sys, "remote_exec", None)
    if remote_exec is None:
        raise BadInput(
            f"{pid}: to load the agent needs Python 3.14 or later here and there;"
            f" this is {sys.version_info.major}.{sys.version_info.minor}"
        )
    descriptor, path = tempfile.mkstemp(prefix="infprof-", suffix=".py")
    with open(descriptor, "w") as file:
        file.write(script())
    try:
        owner = os.stat(f"/proc/{pid}")
        os.chown(path, owner.st_uid, -1)  # root looks into another's process, which reads it
        remote_exec(pid, path)
        _wait(pid)
    except (OSError, RuntimeError) as error:  # no Python, another version, not permitted
        raise BadInput(f"{pid}: the agent could not be loaded ({error})") from error
    finally:
        os.unlink(path)


def _wait(pid: int) -> None:
    latest = monotonic() + LOADING_S
    while socket_of(pid) is None:
        if monotonic() > latest:
            raise TimeoutError("its main thread did not come back to Python in time")
        sleep(LOOK_S)
