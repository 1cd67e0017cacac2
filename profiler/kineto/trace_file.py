"""The bytes of a trace file, plain or gzipped, within bounds that hold for any file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from infprof.profiler.recording import BadInput

HEAD = 64 << 10
LARGEST = 2 << 30
"""Bytes of unpacked trace we are willing to hold in memory."""
STEEPEST = 250
"""Unpacked over packed size; real traces stay below 50, a gzip bomb comes close to 1000."""
HARMLESS = 32 << 20
"""Up to this size any ratio is fine."""
PACKED, UNPACKED = 256, 1 << 20
"""Sizes of the pieces; the packed one is small, for a damaged piece is lost whole."""
GZIP_MAGIC = b"\x1f\x8b"


class Contents(NamedTuple):
    """What a file holds, and how it was incomplete."""

    data: bytes
    cut: str | None


def head(path: Path) -> bytes:
    """The first 64 KiB after gunzip. Raises ``BadInput``."""
    return _read(path, HEAD).data[:HEAD]


def contents(path: Path) -> Contents:
    """All of the file after gunzip, a cut-off one up to the cut. Raises ``BadInput``."""
    return _read(path, LARGEST + 1)


def _read(path: Path, at_most: int) -> Contents:
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name the trace file in it")
    pieces: list[bytes] = []
    cut = None
    try:
        with path.open("rb") as file:
            for piece in _bounded(path, file, at_most):
                pieces.append(piece)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (EOFError, zlib.error):
        cut = "the gzip file is damaged or cut off: only what could be unpacked was read"
    if not any(pieces):
        raise BadInput(f"{path}: is empty or damaged; record or copy the trace again")
    return Contents(b"".join(pieces), cut)


def _bounded(path: Path, file: BinaryIO, at_most: int) -> Iterator[bytes]:
    """Pieces until there are ``at_most`` bytes. Raises ``BadInput`` at too much."""
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    size = 0
    for piece in _unpacked(file) if packed else [file.read(at_most)]:
        size += len(piece)
        if size > LARGEST:
            raise BadInput(f"{path}: more than {LARGEST >> 30} GiB of trace; record fewer steps")
        if packed and size > max(HARMLESS, STEEPEST * file.tell()):
            raise BadInput(
                f"{path}: unpacks to more than {STEEPEST} times its size, which no trace does;"
                " check where the file comes from"
            )
        yield piece
        if size >= at_most:
            return


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
