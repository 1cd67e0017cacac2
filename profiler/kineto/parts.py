"""A well-formed trace in little memory: read as one part, or as two that were read apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from infprof.profiler.kineto.columns import Columns
from infprof.profiler.kineto.document import About
from infprof.profiler.kineto.pieces import NotInPieces, Pieces, about_of
from infprof.profiler.kineto.trace_file import WHOLE, Progress, Stretch, TraceFile

END_OF_LIST = b"]"


class Part(NamedTuple):
    """Some of a trace's events, and the text before and behind them."""

    columns: Columns
    head: bytes
    tail: bytes
    cut: str | None = None
    """How the file was incomplete."""


class Trace(NamedTuple):
    """All events of a file, what it says beside them, and what of it could not be read."""

    columns: Columns
    about: About
    cuts: list[str]
    dropped: int


def read_part(
    path: Path, stretch: Stretch = WHOLE, progress: Progress | None = None, *, exact: bool = False
) -> Part:
    """The events in a stretch of the file that begins and ends between two, or with the file.

    Raises ``BadInput``, ``NotInPieces`` and ``document.NotExact``.
    """
    file, columns = TraceFile(path, progress, stretch), Columns()
    texts: Iterator[bytes] = file.pieces()
    if stretch.end != WHOLE.end:  # to read it as the others, the list is ended where it is cut
        texts = chain(texts, [END_OF_LIST])
    pieces = Pieces(texts, exact=exact, head=b"" if stretch.begin else None)
    for events in pieces:
        columns.add(events)
        events.clear()  # before the next are made, for memory used again is memory in the cache
    if stretch.end != WHOLE.end and pieces.tail != END_OF_LIST:
        raise NotInPieces  # the list had ended before
    return Part(columns, pieces.head, pieces.tail, file.cut)


def joined(parts: Sequence[Part], *, exact: bool = False) -> Trace:
    """The trace whose parts these are, in order; it takes their columns. Raises ``NotInPieces``."""
    about = about_of(parts[0].head, parts[-1].tail, exact=exact)
    columns = parts[0].columns
    for part in parts[1:]:
        columns.append(part.columns)
    columns.close()
    return Trace(columns, about, [part.cut for part in parts if part.cut], 0)
