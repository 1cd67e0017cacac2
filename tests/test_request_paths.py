"""What the median and the slowest request waited for, from start to end."""

from __future__ import annotations

import pytest

from infprof.reports.report import PathRow
from infprof.reports.request_paths import request_paths, slowest_in_words
from tests.build import recording
from tests.rules.judge import evidence_of


def paths(*texts: str) -> list[PathRow]:
    return request_paths(evidence_of(recording("\n".join(texts))))


def request(start: int, decode: int, forward: int) -> str:
    middle, end = start + decode, start + decode + forward
    return (
        f"main: {start}-{end} request\nmain: {start}-{middle} range preprocess:decode\n"
        f"main: {middle}-{end} op aten::mm"
    )


THREE = request(0, 30, 70), request(200, 60, 70), request(400, 430, 70)


def test_the_median_and_the_slowest_one_are_shown() -> None:
    median, slowest = paths(*THREE)
    assert median.name == "the median request" and median.wall_ms == pytest.approx(0.13)
    assert slowest.name == "the slowest request" and slowest.wall_ms == pytest.approx(0.5)
    assert slowest.stages == pytest.approx({"preprocess": 0.43, "compute": 0.07})


def test_pieces_lie_end_to_end_in_order() -> None:
    for row in paths(*THREE):
        assert [one.stage for one in row.pieces] == ["preprocess", "compute"]
        first, second = row.pieces
        assert (first.start_ms, second.end_ms) == pytest.approx((0, row.wall_ms))
        assert first.end_ms == second.start_ms
        assert first.end_ms == pytest.approx(row.stages["preprocess"], abs=row.wall_ms / 200)


def test_pieces_are_bounded_however_often_the_stage_changes() -> None:
    ranges = [f"main: {at}-{at + 1} range preprocess:x" for at in range(0, 10_000, 2)]
    (row,) = paths("main: 0-10000 request", *ranges)
    assert row.name == "the request" and 1 <= len(row.pieces) <= 200
    assert sum(row.stages.values()) == pytest.approx(row.wall_ms)


def test_the_whole_trace_where_no_request_is_marked() -> None:
    (row,) = paths("main: 0-10 op aten::mm")
    assert row.name == "the whole trace"


def test_what_the_slowest_did_longer_is_said() -> None:
    assert slowest_in_words(paths(*THREE)) == (
        "The slowest request looked at took 0.500 ms, the median one 0.130 ms; 0.370 ms of the "
        "difference are decode (preprocess)."
    )


def test_nothing_is_said_of_requests_that_are_alike() -> None:
    assert slowest_in_words(paths(request(0, 30, 70), request(200, 31, 70))) == ""
    assert slowest_in_words([]) == "" == slowest_in_words(paths(THREE[0]))
