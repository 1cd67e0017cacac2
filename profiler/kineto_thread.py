"""The thread that torch's tracer starts for itself and never ends: Kineto's ``ConfigLoader``.

It reads settings again now and then, from a file or a daemon that the program's environment names.
Where that names none, nobody needs it once a window is over. It sleeps, but a program that we only
visited did not have it. libtorch exports what ends it; a later window may start it again. That is
no public interface, so only versions where a test of ours has seen it end are asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOADER, STOP = (f"_ZN9libkineto12ConfigLoader{name}Ev" for name in ("8instance", "10stopThread"))
"""``ConfigLoader& ConfigLoader::instance()`` and ``void ConfigLoader::stopThread()``."""

TESTED = ("2.13.",)
"""Versions of torch in which both are known to be what they are called."""

WANTED_BY = "KINETO_USE_DAEMON", "KINETO_CONFIG"
"""Variables that name such a daemon or file."""

_started_in: int | None = None


@contextmanager
def kineto_thread_noted() -> Iterator[None]:
    """Around each start of the tracer: a thread that is there afterwards is Kineto's. One that was
    there before is the program's own, which has used the tracer itself."""
    global _started_in
    before = _threads()
    yield
    if not _threads() <= before:
        _started_in = os.getpid()


def end_kineto_thread() -> None:
    """If a window of ours started it in this process, and this torch is one that we know.

    It may wait for some seconds, in the worst case; other threads go on.
    """
    global _started_in
    if _started_in != os.getpid() or any(name in os.environ for name in WANTED_BY):
        return
    _started_in, torch = None, sys.modules["torch"]
    if not str(torch.__version__).startswith(TESTED):
        return
    import ctypes

    folder = Path(str(torch.__file__)).parent / "lib"
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(str(folder / "libtorch_cpu.so"), mode=os.RTLD_NOLOAD)
        loader, stop = library[LOADER], library[STOP]
        loader.restype, stop.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
        stop(loader())


def _threads() -> set[str]:
    """Of this process, as the kernel numbers them."""
    return set(os.listdir("/proc/self/task"))
