"""Fills the hole that a window leaves in the program's heap.

A trace takes tens of MB from the C library's heap in small pieces, and gives them back when it
ends. From then on the library would serve small allocations out of that hole, one behind the other
through all of it, where it had used the same few kilobytes again and again, warm in the cache: a
program of tiny tensors ran 6 % slower to its end (glibc 2.36, torch 2.13). So the hole is filled
with blocks that nobody touches: they take addresses, and no memory.
"""

from __future__ import annotations

from typing import Any

BLOCK_BYTES = 100_000, 30_000, 10_000, 3_000
"""The first is just below what the library would map apart from its heap (128 kB)."""

SMALL_BYTES = 1_000_000
"""Holes that together are smaller do no harm: they stay in the cache."""

LOOSE_BYTES = 32_000_000
"""A heap with so much free is cycled through anyway. To let go of its memory would cost more."""

BLOCKS_AT_ONCE = 8


class HeapHoles:
    """Call ``open`` before a window and ``fill`` after it, in turns. The last blocks stay, as the
    hole would. Without glibc 2.33 or later they do nothing.
    """

    def __init__(self) -> None:
        self._blocks: list[int] = []
        self._free_before: int | None = None
        self._was_loose = False

    def open(self) -> None:
        """Give the blocks back: the next window may use that memory."""
        library = _library()
        if library is None:
            return
        free = library.mallinfo2().fordblks
        if self._free_before is None:
            self._was_loose = free > LOOSE_BYTES
        self._free_before = free
        for block in self._blocks:
            library.free(block)
        self._blocks = []

    def fill(self) -> None:
        """Take what the heap has free more than before the window, up to its first growth."""
        library = _library()
        if library is None or self._free_before is None or self._was_loose:
            return
        library.malloc_trim(0)  # joins what is free, and lets go of its memory
        for size in BLOCK_BYTES:
            now = library.mallinfo2()
            heap = now.arena
            while now.fordblks - self._free_before > SMALL_BYTES and now.arena == heap:
                self._blocks += [library.malloc(size) for _ in range(BLOCKS_AT_ONCE)]
                now = library.mallinfo2()


HEAP_HOLES = HeapHoles()
"""A process has one heap, however many sessions it sees."""

_found: list[Any] = []


def _library() -> Any | None:
    """The C library, if it is glibc and can tell how its heap is used."""
    if not _found:
        import ctypes  # seldom in use already, and 10 ms to import

        class Usage(ctypes.Structure):
            """``struct mallinfo2``: bytes and counts."""

            _fields_ = [
                (name, ctypes.c_size_t)
                for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks "
                "keepcost".split()
            ]

        library: Any = ctypes.CDLL(None)
        if hasattr(library, "mallinfo2"):
            library.mallinfo2.restype = Usage
            library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
            library.free.argtypes = [ctypes.c_void_p]
            _found.append(library)
        else:
            _found.append(None)
    return _found[0]
