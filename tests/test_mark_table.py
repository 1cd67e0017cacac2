"""Marks on disk become ranges, requests, turns and contents."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from infprof.profiler.mark_table import Marks
from infprof.profiler.marks import CONTENT, PADDING, RANGE, REQUEST, TURN, WIDTH, state

PAIRS = [
    ("io", "read"),
    (REQUEST, "serve"),
    (TURN, ""),
    (CONTENT, ""),
    ("", "work"),
    (PADDING, "real"),
]
READ, SERVE, NEW_TURN, GIVEN, WORK, TOKENS = range(6)


def marks(*rows: tuple[int, int, int, int, int]) -> Marks:
    return Marks(np.array(rows, np.int64).reshape(-1, WIDTH), PAIRS)


def test_ranges_are_what_is_nothing_else() -> None:
    table = marks(
        (READ, 0, 5, 1, RANGE),
        (SERVE, 0, 9, 1, state(2, False)),
        (SERVE, 1, 3, 1, RANGE),  # a request inside a request
        (NEW_TURN, 0, 3, 1, RANGE),
        (GIVEN, 0, -1, 1, RANGE),  # a content of unknown size looks like a range
        (WORK, 2, 4, 7, RANGE),
        (TOKENS, 3, 12, 1, 40),
    )
    assert table.paddings("real").tolist() == [[3, 12, 40]]
    assert not len(table.paddings("longest"))
    assert list(table.ranges()) == [
        ("io", "read", 0, 5, 1),
        (REQUEST, "serve", 1, 3, 1),
        ("", "work", 2, 4, 7),
    ]
    assert table.requests() == [(0, 9, 1, 2, 0)]


def test_a_failed_request_keeps_its_phase() -> None:
    assert marks((SERVE, 0, 9, 1, state(3, True))).requests() == [(0, 9, 1, 3, 1)]


def test_turns_come_in_order_with_the_size_of_what_follows_on_their_thread() -> None:
    turns = marks(
        (NEW_TURN, 20, 4, 1, RANGE),
        (NEW_TURN, 10, 3, 1, RANGE),
        (GIVEN, 11, 77, 1, 600),
        (GIVEN, 12, 88, 2, 5),
        (GIVEN, 21, 77, 1, 700),
        (NEW_TURN, 30, 4, 1, RANGE),
        (NEW_TURN, 5, 2, 2, RANGE),
        (NEW_TURN, 6, 2, 3, RANGE),
    ).turns()
    assert turns.time_ns.tolist() == [5, 6, 10, 20, 30]
    assert turns.thread.tolist() == [2, 3, 1, 1, 1]
    assert turns.depth.tolist() == [2, 2, 3, 4, 4]
    assert turns.size.tolist() == [5, -1, 600, 700, -1]


def test_a_content_belongs_to_the_request_it_lies_in() -> None:
    table = marks(
        (GIVEN, 11, 77, 1, 4),
        (GIVEN, 12, 78, 1, 4),
        (GIVEN, 40, 79, 1, 4),
        (GIVEN, 11, 99, 2, 4),
    )
    requests: list[tuple[int, ...]] = [
        (10, 20, 1),
        (20, 30, 1),
        (30, 50, 1),
        (0, 5, 2),
        (60, 70, 1),
        (0, 9, 3),
    ]
    assert table.contents(requests) == {(10, 1): 77, (30, 1): 79}


def test_nothing_at_all(tmp_path: Path) -> None:
    table = Marks.read(tmp_path)
    assert list(table.ranges()) == [] == table.requests()
    assert len(table.turns().time_ns) == 0 and table.contents([(0, 1, 1)]) == {}
