"""Keeps the remarks of torch's tracer out of the program's standard error."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REMARK = b"External init callback must run in same thread"
"""Printed when the tracer first starts outside the thread that imported torch. It is harmless."""

_silenced = False


@contextmanager
def quiet_kineto() -> Iterator[None]:
    """Around each start of the tracer; only the first one in a process has anything to say."""
    global _silenced
    if _silenced:
        yield
        return
    before = os.environ.get("KINETO_LOG_LEVEL")  # read once, by that first start
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    try:
        with _without_remark():
            yield
        _silenced = True
    finally:
        if before is None:
            del os.environ["KINETO_LOG_LEVEL"]


@contextmanager
def _without_remark() -> Iterator[None]:
    """What else is written to standard error meanwhile comes a millisecond later."""
    if threading.current_thread() is threading.main_thread():
        yield
        return
    try:
        real = os.dup(2)
    except OSError:  # the program closed it
        yield
        return
    aside = os.memfd_create("infprof")
    os.dup2(aside, 2)
    try:
        yield
    finally:
        os.dup2(real, 2)
        lines = os.pread(aside, os.fstat(aside).st_size, 0).splitlines(keepends=True)
        os.write(2, b"".join(line for line in lines if REMARK not in line))
        os.close(real)
        os.close(aside)
