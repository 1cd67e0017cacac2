"""Marks: the named host intervals and requests that the profiled process notes down itself.

On the hot path a mark is five integers appended to a list; full lists go to a file in blocks, so
that a killed process loses at most the last block. This module imports nothing but the standard
library.
"""

from __future__ import annotations

import os
from array import array
from json import dumps
from pathlib import Path
from threading import RLock, get_native_id, local

REQUEST = "request"
"""In place of a stage: this mark is a request, not a range."""

TURN = "turn"
"""In place of a stage: a turn of the loop around a model's call began at ``start_ns``; ``end_ns``
holds the depth of its function."""

CONTENT = "content"
"""In place of a stage: the model called next gets an input with the fingerprint ``end_ns``, and of
as many values as the last column says."""

PADDING = "padding"
"""In place of a stage: of as many tokens as the last column says that the model is called with,
``end_ns`` are ``real``, or are left if rows end with the ``longest``."""

STINT = "stint"
"""In place of a stage: the thread worked for the request whose number is in the last column; with a
name, the request waited for that instead."""

RANGE = -1
"""In place of a request's state: this mark is a range."""

WIDTH = 5
"""Integers of a mark: key, start_ns, end_ns, native thread id, state."""

BLOCK = 2048 * WIDTH
"""Integers held before they are written: 350 kB, and under 1 ms to write."""

MOST_NAMES = 10_000
"""Names told apart; a program that numbers its ranges would otherwise fill the memory."""

OTHER_NAMES = "(further names)"

MOST = 1_000_000
"""Marks kept in one recording (40 MB on disk); later ones are only counted."""


NUMBERED = 8
"""Factor of a request's number in its last column; phase and failure need three bits."""


def state(phase: int, failed: bool, number: int = 0) -> int:
    """A request's last column. ``number`` tells apart those that have stints."""
    return number * NUMBERED + phase * 2 + failed


def text_of(name: str) -> str:
    """A name that any file or tool can take: half characters (lone surrogates) become ``?``."""
    return name.encode("utf-8", "replace").decode("utf-8")


class Keys(dict[tuple[str, str], int]):
    """``(stage, name) -> key``; a new pair gets the next key, once, in any thread.

    After ``MOST_NAMES``, new ones of a stage share one key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lock = RLock()  # the collector may interrupt a thread in here, and mark its pause

    def __missing__(self, pair: tuple[str, str]) -> int:
        with self.lock:
            if len(self) >= MOST_NAMES:
                pair = pair[0], OTHER_NAMES
            return self.setdefault(pair, len(self))


keys = Keys()
"""The pairs of this process. Written as text beside the marks."""


class _Thread(local):
    """``id`` is the kernel's for the running thread; to ask the kernel each time costs 0.1 us."""

    def __init__(self) -> None:
        self.ask()

    def ask(self) -> None:
        """Read it anew: a forked child's is another."""
        self.id = get_native_id()


this_thread = _Thread()
os.register_at_fork(after_in_child=this_thread.ask)


class MarkFile:
    """Appends marks to ``marks.bin`` and the pairs behind their keys to ``marks.keys``."""

    def __init__(self, folder: Path) -> None:
        self.rows = (folder / "marks.bin").open("ab", buffering=0)  # a fork copies no block
        self.text = (folder / "marks.keys").open("a", encoding="utf-8")
        self.known = self.written = self.dropped = 0

    def write(self, marks: list[int]) -> None:
        """Append a block of whole marks. Raises ``OSError`` when the disk is full."""
        for pair in list(keys)[self.known :]:
            self.text.write(dumps([text_of(part) for part in pair]) + "\n")
            self.known += 1
        self.text.flush()  # before the rows that need it
        count = len(marks) // WIDTH
        room = min(max(MOST - self.written, 0), count)
        data = array("q", marks[: room * WIDTH]).tobytes()
        if self.rows.write(data) != len(data):
            self.rows.truncate(self.written * WIDTH * 8)  # whole marks only
            raise OSError("the disk is full")
        self.written += room
        self.dropped += count - room

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self.text.flush()

    def close(self) -> None:
        """Close both files."""
        self.rows.close()
        self.text.close()
