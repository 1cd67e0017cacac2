"""What a thread of this process does, as the kernel tells: on a CPU, or blocked in which call.

Linux shows it in ``/proc/self/task/<thread>/syscall``; a process may always read its own.
"""

from __future__ import annotations

import os
import platform

from infprof.profiler.runtime_memory import runtime_memory

RUNNING, IO, SLEEP, LOCK, UNKNOWN = 1, 2, 3, 4, 0
"""Values of ``stacks.State``, which loads numpy and so may not be imported here."""

PATIENT = 6
"""A ``LOCK`` that is not the interpreter's: it lies elsewhere, or, where that is not known, it is
waited for without end, while for the interpreter a thread asks again after some milliseconds.
Nobody writes it down."""

LOCKS = LOCK, PATIENT

_X86 = {
    IO: "0 1 2 7 17 18 19 20 23 40 42 43 44 45 46 47 61 74 75 232 247 257 270 271 281 288 295 296",
    SLEEP: "35 230",
    LOCK: "202 449",
}
_ARM = {
    IO: "22 56 63 64 65 66 67 68 69 70 71 72 73 82 83 95 202 203 206 207 211 212 242 260",
    SLEEP: "101 115",
    LOCK: "98 449",
}
"""Numbers of the system calls: reads, writes, polls, connections and waits for children; sleeps;
futexes. From the kernel's tables for each architecture."""

_TABLES = {"x86_64": _X86, "aarch64": _ARM}
_STATES = {
    number.encode(): state
    for state, numbers in _TABLES.get(platform.machine(), {}).items()
    for number in numbers.split()
}
_FUTEX = {"x86_64": b"202", "aarch64": b"98"}.get(platform.machine(), b"")
_TIMEOUT = 4
"""The word that says where the time lies at which a futex is waited for no longer."""
_SELECTS = {"x86_64": (b"23", b"270"), "aarch64": (b"72",)}.get(platform.machine(), ())
"""A select on no file at all is a sleep (``time.sleep`` of Python 3.10)."""


class ThreadStates:
    """Asks for the states of threads without letting go of the interpreter: between two questions
    no other thread runs any Python. Keeps no file open: a program may close all there are."""

    def __init__(self) -> None:
        import ctypes

        system = ctypes.PyDLL(None)  # PyDLL: keeps the interpreter's lock
        self._open, self._read, self._close = system.open, system.read, system.close
        self._open.argtypes = ctypes.c_char_p, ctypes.c_int
        self._read.argtypes = ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
        self._read.restype = ctypes.c_ssize_t
        self._text = ctypes.create_string_buffer(64)

    @property
    def know_the_interpreters(self) -> bool:
        """Whether a ``LOCK`` is the interpreter's for sure."""
        return any(runtime_memory())

    def of(self, thread: int) -> int:
        """State of the thread with this kernel id; ``UNKNOWN`` where the kernel does not tell."""
        return state_in(self._told(thread, b"syscall"), runtime_memory())

    def worked_ns(self, thread: int) -> int:
        """For how long it had a CPU so far; 0 where the kernel does not tell."""
        words = self._told(thread, b"schedstat").split()
        return int(words[0]) if words else 0

    def _told(self, thread: int, name: bytes) -> bytes:
        file = self._open(b"/proc/self/task/%d/%b" % (thread, name), os.O_RDONLY | os.O_CLOEXEC)
        if file < 0:
            return b""
        size = self._read(file, self._text, len(self._text))
        self._close(file)
        return self._text.raw[:size] if size > 0 else b""


def state_in(text: bytes, runtime: tuple[int, int] = (0, 0)) -> int:
    """What the file's text says: ``running``, or a system call's number and arguments. ``runtime``
    is where that process keeps the interpreter's state, if it is known."""
    words = text.split(None, _TIMEOUT + 1)
    if not words:
        return UNKNOWN
    if words[0] in (b"running", b"-1"):  # -1: not in a call, e.g. fetching a page of memory
        return RUNNING
    if words[0] in _SELECTS and words[1:2] == [b"0x0"]:
        return SLEEP
    if words[0] == _FUTEX and _is_patient(words, runtime):
        return PATIENT
    return _STATES.get(words[0], UNKNOWN)


def _is_patient(words: list[bytes], runtime: tuple[int, int]) -> bool:
    if any(runtime) and len(words) > 1:
        return not runtime[0] <= int(words[1], 16) < runtime[1]
    return words[_TIMEOUT : _TIMEOUT + 1] == [b"0x0"]
