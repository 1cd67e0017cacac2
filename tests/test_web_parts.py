"""What the middlewares are made of: proxies' stamps, the ``Server-Timing`` header, the options."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from infprof import ASGIMiddleware, WSGIMiddleware
from infprof.profiler.web.arrival import LONGEST_NS, waited_since
from infprof.profiler.web.server_timing import own_times, token

NOW_NS = 1_700_000_000_500_000_000


@pytest.mark.parametrize(
    "stamp",
    [
        "1700000000.25",
        "t=1700000000.250",
        " t=1700000000.250 , t=1700000000.400",
        "1700000000250",
        "t=1700000000250",
        "1700000000250.0",
        "1700000000250000",
        "t=1700000000250000000",
    ],
)
def test_each_unit_that_proxies_use(stamp: str) -> None:
    assert waited_since(stamp, NOW_NS) == 250_000_000


@pytest.mark.parametrize(
    "stamp",
    ["", "t=", "soon", "NaN", "t=inf", "-1700000000", "0", "12345", "1" * 5000, "1e400", "t=t=1"],
)
def test_what_is_no_stamp_tells_nothing(stamp: str) -> None:
    assert waited_since(stamp, NOW_NS) == 0


def test_a_clock_ahead_or_far_behind_tells_nothing() -> None:
    assert waited_since("1700000000.6", NOW_NS) == 0
    assert waited_since(str(NOW_NS - LONGEST_NS), NOW_NS) == LONGEST_NS
    assert waited_since(str(NOW_NS - LONGEST_NS - 1), NOW_NS) == 0


@given(some.text(max_size=60))
def test_no_header_hurts(text: str) -> None:
    assert 0 <= waited_since(text, NOW_NS) <= LONGEST_NS


@given(some.text(max_size=100))
def test_a_token_is_one(name: str) -> None:
    assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}", token(name))


def test_time_counts_once_for_the_innermost_range() -> None:
    heard = [("compute", 2, 5, 1), ("io", 6, 8, 1), ("preprocess", 0, 10, 1), ("io", 0, 4, 2)]
    assert own_times(heard) == {"preprocess": 5, "compute": 3, "io": 6}


@given(
    some.lists(
        some.tuples(
            some.sampled_from("abc"), some.integers(0, 99), some.integers(0, 99), some.just(1)
        )
    )
)
def test_own_times_are_never_negative(heard: list[tuple[str, int, int, int]]) -> None:
    ordered = [(what, min(a, b), max(a, b), thread) for what, a, b, thread in heard]
    found = own_times(ordered)
    assert min(found.values(), default=1) > 0
    assert sum(found.values()) <= sum(end - start for _, start, end, _ in ordered)


@pytest.mark.parametrize("kind", [ASGIMiddleware, WSGIMiddleware])
def test_a_wrong_option_is_refused_where_it_is_written(kind: type) -> None:
    with pytest.raises(TypeError, match="a header's name is a text"):
        kind(print, queue_header=True)
