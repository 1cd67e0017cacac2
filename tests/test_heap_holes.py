"""What a window gave back to the heap is taken out of the program's way, and returned."""

from __future__ import annotations

import pytest

from infprof.profiler import heap_holes
from infprof.profiler.heap_holes import SMALL_BYTES, HeapHoles, _library

PIECE, PIECES = 20_000, 2_000


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> object:
    """The heap of all these tests may have had holes before."""
    monkeypatch.setattr(heap_holes, "LOOSE_BYTES", 1 << 60)
    found = _library()
    if found is None:
        pytest.skip("not glibc, or an old one")
    return found


def test_a_hole_is_filled_and_opened_again(library) -> None:  # type: ignore[no-untyped-def]
    def free_bytes() -> int:
        return int(library.mallinfo2().fordblks)

    holes = HeapHoles()
    holes.open()
    before = free_bytes()
    pieces = [library.malloc(PIECE) for _ in range(PIECES)]
    for piece in pieces[:-1]:  # the last one keeps the heap from shrinking
        library.free(piece)
    hole = free_bytes() - before
    assert hole > PIECE * PIECES / 2
    holes.fill()
    assert free_bytes() - before < SMALL_BYTES
    holes.open()
    assert free_bytes() - before > PIECE * PIECES / 2
    library.free(pieces[-1])


def test_what_was_free_before_stays_free(library) -> None:  # type: ignore[no-untyped-def]
    pieces = [library.malloc(PIECE) for _ in range(PIECES)]
    for piece in pieces[:-1]:
        library.free(piece)
    holes = HeapHoles()
    holes.open()
    before = library.mallinfo2().fordblks
    holes.fill()
    assert library.mallinfo2().fordblks >= before - SMALL_BYTES
    library.free(pieces[-1])


def test_a_heap_with_holes_of_its_own_is_left_alone(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heap_holes, "LOOSE_BYTES", -1)
    holes = HeapHoles()
    holes.open()
    holes._free_before = 0  # all that is free now came since
    holes.fill()
    assert holes._blocks == []


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infprof.profiler.heap_holes._found", [None])
    holes = HeapHoles()
    holes.open()
    holes.fill()
    assert holes._blocks == []
