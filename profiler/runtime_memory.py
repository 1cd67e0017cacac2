"""Where in this process the interpreter keeps its own state, and with it the interpreter's lock.

A thread that waits on a futex in there waits for the interpreter: no lock of the program, of torch
or of any other library lies there. So CPython 3.10 to 3.13 keep it, for the main interpreter.
"""

from __future__ import annotations

from functools import cache

SYMBOL = "_PyRuntime"

WITH_SYMBOL = 1
"""``RTLD_DL_SYMENT`` (dlfcn.h): also tell the entry of the symbol table, which has its size."""


@cache
def runtime_memory() -> tuple[int, int]:
    """The first address, and the one behind the last; (0, 0) where nobody tells."""
    try:
        return _found()
    except (AttributeError, ValueError, OSError):  # another Python, another libc, a stripped one
        return 0, 0


def _found() -> tuple[int, int]:
    import ctypes

    class Entry(ctypes.Structure):
        """``Elf64_Sym`` (elf.h)."""

        _fields_ = [
            ("name", ctypes.c_uint32), ("info", ctypes.c_ubyte), ("other", ctypes.c_ubyte),
            ("section", ctypes.c_uint16), ("value", ctypes.c_uint64), ("size", ctypes.c_uint64),
        ]  # fmt: skip

    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return 0, 0
    start = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, SYMBOL))
    names, entry = (ctypes.c_void_p * 4)(), ctypes.POINTER(Entry)()
    ask = ctypes.CDLL(None).dladdr1
    told = ask(ctypes.c_void_p(start), names, ctypes.byref(entry), WITH_SYMBOL)
    if not told or names[3] != start or not entry or not entry.contents.size:  # another symbol's
        return 0, 0
    return start, start + int(entry.contents.size)
