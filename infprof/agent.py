"""Opt a process in: ``infprof attach PID`` can then look at it from inside, for a while.

``infprof.agent.start()`` opens a socket that only this user and root can reach. Until somebody
attaches, a sleeping thread is all there is. Two other ways to the same: ``INFPROF_AGENT=1`` in the
environment of a program that uses infprof (it starts with the first name taken from ``infprof``),
and ``infprof run --serve -- COMMAND`` for a program that does not, and its Python children.

In a process with an agent ``@infprof.profile`` marks requests and records nothing by itself.
"""

from __future__ import annotations

from pathlib import Path

from infprof.profiler.agent import serving


def start() -> Path | None:
    """Let others attach to this process from now on; again and again is fine.

    Returns the socket's path; ``None`` where it could not be made, with a warning in the log
    ``infprof``. Never raises. Forked children get a socket of their own, after a second.
    """
    return serving.start()


def stop() -> None:
    """No more: who records gets what there is, and the socket goes. The program's exit does it."""
    serving.stop()
