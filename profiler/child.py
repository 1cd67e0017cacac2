"""Start a Session in a process that ``infprof run`` launched, from the order it left there."""

from __future__ import annotations

import atexit
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from infprof.profiler import request
from infprof.profiler.schedule import Plan
from infprof.profiler.session import Session


def write_order(folder: Path, plan: Plan, entries: dict[str, dict[str, str]]) -> str:
    """The order for ``start``, as text that fits an environment variable."""
    values = {name: getattr(plan, name) for name in Plan.__slots__}
    return json.dumps({"folder": str(folder), "plan": values, "entries": entries})


def start(order: str) -> None:
    """Record this process into the order's folder until it exits."""
    _let_launcher_look()
    wanted = json.loads(order)
    session = Session(Path(wanted["folder"]), Plan(**wanted["plan"]), wanted["entries"])
    session.start()
    request.serve(session)
    atexit.register(_finish, session)


def _finish(session: Session) -> None:
    try:
        session.finish()
    except Exception as error:  # the program has ended well: ours may not spoil that
        sys.stderr.write(f"infprof: the end of the recording is missing: {error}\n")


PR_SET_PTRACER = 0x59616D61
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def _let_launcher_look() -> None:
    """Where only ancestors may read a process, allow what the launcher starts (py-spy) to read this
    one, and those that it forks: the kernel holds each process to its own word."""
    with suppress(OSError):
        if YAMA.read_text().strip() == "1":
            import ctypes

            prctl, launcher = ctypes.CDLL(None).prctl, os.getppid()
            prctl(PR_SET_PTRACER, launcher, 0, 0, 0)
            os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PTRACER, launcher, 0, 0, 0))
