"""The bytes of a trace file, plain or gzipped, piece by piece, within bounds that hold for any."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from infprof.profiler.bad_input import BadInput

HEAD = 64 << 10
LARGEST = 2 << 30
"""Bytes of unpacked trace we are willing to read."""
STEEPEST = 250
"""Unpacked over packed size; real traces stay below 50, a gzip bomb comes close to 1000."""
HARMLESS = 32 << 20
"""Up to this size any ratio is fine."""
PIECE = 512 << 10
"""Bytes handed on at once: far more than an event, and what is made of them stays in the caches
(measured on 81 MB of trace: 0.5 and 0.75 MiB were fastest, 4 MiB took a quarter longer)."""
PACKED, UNPACKED = 256, 1 << 20
"""Sizes of gzip's pieces; the packed one is small, for a damaged piece is lost whole."""
GZIP_MAGIC = b"\x1f\x8b"

Progress = Callable[[int, int], None]
"""Told now and then how many bytes of the file are read, and how many there are."""


class Stretch(NamedTuple):
    """Bytes of a file, of a plain one unless all are meant."""

    begin: int = 0
    end: int = LARGEST + 1


WHOLE = Stretch()


class Contents(NamedTuple):
    """What a file holds, and how it was incomplete."""

    data: bytes
    cut: str | None


def head(path: Path) -> bytes:
    """The first 64 KiB after gunzip. Raises ``BadInput``."""
    return b"".join(TraceFile(path).pieces(HEAD))[:HEAD]


def contents(path: Path) -> Contents:
    """All of the file after gunzip, a cut-off one up to the cut. Raises ``BadInput``."""
    file = TraceFile(path)
    return Contents(b"".join(file.pieces(piece=LARGEST + 1)), file.cut)


class TraceFile:
    """A file to be read once; ``cut`` tells afterwards how it was incomplete."""

    def __init__(
        self, path: Path, progress: Progress | None = None, stretch: Stretch = WHOLE
    ) -> None:
        self.path, self.progress, self.stretch = path, progress, stretch
        self.cut: str | None = None

    def pieces(self, at_most: int = LARGEST + 1, piece: int | None = None) -> Iterator[bytes]:
        """The bytes after gunzip, ``piece`` or somewhat more at a time. Raises ``BadInput``."""
        if self.path.is_dir():
            raise BadInput(f"{self.path}: is a folder; name the trace file in it")
        piece = min(piece or PIECE, at_most)
        gathered = _Gathered()
        try:
            with self.path.open("rb") as file:
                for part in self._bounded(file, at_most, piece):
                    gathered.add(part)
                    if gathered.size >= piece:
                        yield gathered.take()
                        self._tell(file)
        except OSError as error:
            reason = f"cannot be read ({error.strerror}); check the path"
            raise BadInput(f"{self.path}: {reason}") from error
        except (EOFError, zlib.error):
            self.cut = "the gzip file is damaged or cut off: only what could be unpacked was read"
        if gathered.size:
            yield gathered.take()
        if not gathered.total:
            raise BadInput(f"{self.path}: is empty or damaged; record or copy the trace again")

    def _bounded(self, file: BinaryIO, at_most: int, piece: int) -> Iterator[bytes]:
        """Parts until there are ``at_most`` bytes. Raises ``BadInput`` at too much."""
        begin, end = self.stretch
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC and self.stretch == WHOLE
        size = file.seek(begin)
        for part in _unpacked(file) if packed else _plain(file, end, piece):
            size += len(part)
            if size > LARGEST:
                raise BadInput(
                    f"{self.path}: more than {LARGEST >> 30} GiB of trace; record fewer steps"
                )
            if packed and size > max(HARMLESS, STEEPEST * file.tell()):
                raise BadInput(
                    f"{self.path}: unpacks to more than {STEEPEST} times its size, which no trace"
                    " does; check where the file comes from"
                )
            yield part
            if size >= at_most:
                return

    def _tell(self, file: BinaryIO) -> None:
        if self.progress is not None:
            begin, end = self.stretch
            size = os.fstat(file.fileno()).st_size
            self.progress(file.tell() - begin, min(end, size) - begin)


class _Gathered:
    """Small parts on their way to become a piece."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = self.total = 0

    def add(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)
        self.total += len(part)

    def take(self) -> bytes:
        piece = b"".join(self.parts)
        self.parts.clear()
        self.size = 0
        return piece


def _plain(file: BinaryIO, end: int, piece: int) -> Iterator[bytes]:
    while part := file.read(min(piece, end - file.tell())):
        yield part


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """A gzip file in bounded pieces. Raises ``EOFError`` or ``zlib.error`` at damage."""
    unpacker, packed = zlib.decompressobj(wbits=31), file.read(PACKED)
    while packed:
        yield unpacker.decompress(packed, UNPACKED)
        packed = unpacker.unconsumed_tail or unpacker.unused_data or file.read(PACKED)
        if unpacker.eof:
            if not packed.startswith(GZIP_MAGIC):  # padding, as gzip itself allows
                return
            unpacker = zlib.decompressobj(wbits=31)
    yield unpacker.flush()
    if not unpacker.eof:
        raise EOFError
