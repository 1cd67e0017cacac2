"""What a window gave back to the heap is taken out of the program's way, and returned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infprof.profiler import heap_holes
from infprof.profiler.heap_holes import SMALL_BYTES, HeapHoles, _library

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE, PIECES = 20_000, 2_000


def in_a_fresh_heap(check: Callable[[Any], None]) -> None:
    """Run ``check`` with the C library of a new process. This one's heap has had a whole test run
    before: what a check takes and frees may come out of holes that were there already.
    """
    if _library() is None:
        pytest.skip("not glibc, or an old one")
    code = (
        f"from tests import test_heap_holes as here; here.call_with_library(here.{check.__name__})"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def call_with_library(check: Callable[[Any], None]) -> None:
    """The hole that a check makes is none of the program's own."""
    heap_holes.LOOSE_BYTES = 1 << 60
    check(_library())


def take_and_free(library: Any) -> int:
    """Leave a hole of about 40 MB in the heap. Returns the piece that keeps it from shrinking."""
    pieces = [library.malloc(PIECE) for _ in range(PIECES)]
    for piece in pieces[:-1]:
        library.free(piece)
    return int(pieces[-1])


def a_hole_is_filled_and_opened_again(library: Any) -> None:
    def free_bytes() -> int:
        return int(library.mallinfo2().fordblks)

    holes = HeapHoles()
    holes.open()
    before = free_bytes()
    last = take_and_free(library)
    assert free_bytes() - before > PIECE * PIECES / 2
    holes.fill()
    assert free_bytes() - before < SMALL_BYTES
    holes.open()
    assert free_bytes() - before > PIECE * PIECES / 2
    library.free(last)


def what_was_free_before_stays_free(library: Any) -> None:
    last = take_and_free(library)
    holes = HeapHoles()
    holes.open()
    before = library.mallinfo2().fordblks
    holes.fill()
    assert library.mallinfo2().fordblks >= before - SMALL_BYTES
    library.free(last)


def test_a_hole_is_filled_and_opened_again() -> None:
    in_a_fresh_heap(a_hole_is_filled_and_opened_again)


def test_what_was_free_before_stays_free() -> None:
    in_a_fresh_heap(what_was_free_before_stays_free)


def test_a_heap_with_holes_of_its_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
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
