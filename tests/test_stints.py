"""Stints: whose time a thread's is, and that a request's stages still sum to its wall exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from infprof.profiler.breakdown import Breakdown, by_occupancy
from infprof.profiler.recording import Recording, Requests
from infprof.profiler.stints import NOBODY, Stints
from infprof.profiler.timeline import Timeline
from tests.build import recording

A, B = 1, 2
US = 1000


def served(
    text: str, *stints: tuple[int, int, int, int, str], requests: tuple[tuple[int, int], ...]
) -> Recording:
    """A recording of requests 1, 2 ... on lane 0 with these stints, all in microseconds."""
    rows = [
        (start * US, end * US, 0, 2, 0, -1, number)
        for number, (start, end) in enumerate(requests, 1)
    ]
    spans = [(one, a * US, b * US, lane, wait) for one, a, b, lane, wait in stints]
    table = Requests.of(rows)
    return replace(recording(text), requests=table, stints=Stints.from_rows(spans))


def of(made: Recording) -> list[dict[str, float]]:
    """Exposed microseconds by leaf, of each request."""
    found = by_occupancy(Timeline(made))
    return [
        {leaf: one.exposed_ns / US for leaf, one in each.leaves.items() if one.exposed_ns}
        for each in found.requests
    ]


TWO_IN_TURNS = served(
    "main: 0-10 range preprocess:a | main: 12-32 range compute:b",
    (A, 0, 10, 0, ""),
    (B, 12, 32, 0, ""),
    (A, 34, 40, 0, ""),
    requests=((0, 40), (5, 32)),
)


def test_requests_of_one_thread_claim_only_their_own_work() -> None:
    a, b = of(TWO_IN_TURNS)
    assert a["preprocess.a"] == 10 and "compute.declared" not in a
    assert b["compute.declared"] == 20 and "preprocess.a" not in b
    assert a["queue.other requests on the loop"] == 20
    assert b["queue.other requests on the loop"] == 5
    assert (a["unattributed"], b["unattributed"]) == (10, 2)


def test_the_work_for_a_request_is_that_of_all_its_stints() -> None:
    found = TWO_IN_TURNS.stints.worked_ns(np.array([B, A, 3]))
    assert found.tolist() == [20 * US, 16 * US, 0]


def test_a_range_holds_while_its_request_waits() -> None:
    made = served(
        "main: 1-39 range io:fetch | main: 12-32 range compute:b",
        (A, 0, 10, 0, ""),
        (B, 12, 32, 0, ""),
        (A, 34, 40, 0, ""),
        requests=((0, 40), (5, 32)),
    )
    a, b = of(made)
    assert a == {"io.fetch": 38, "unattributed": 2}
    assert b["compute.declared"] == 20 and "io.fetch" not in b


def test_ranges_of_two_requests_may_overlap_as_they_like() -> None:
    made = served(
        "main: 1-20 range io:a | main: 5-30 range io:b",
        (A, 0, 4, 0, ""),
        (B, 4, 8, 0, ""),
        (A, 18, 22, 0, ""),
        (B, 28, 32, 0, ""),
        requests=((0, 22), (4, 32)),
    )
    a, b = of(made)
    assert (a["io.a"], b["io.b"]) == (19, 25)


def test_what_a_pool_does_while_the_request_s_own_thread_works_is_hidden() -> None:
    """As when the next request's picture is decoded beside the model."""
    made = served(
        "main: 5-40 op aten::conv | t2: 2-38 range preprocess:decode",
        (A, 0, 60, 0, ""),
        (A, 2, 38, 1, ""),
        requests=((0, 60),),
    )
    (a,) = by_occupancy(Timeline(made)).requests
    decode, conv = a.leaves["preprocess.decode"], a.leaves["compute.cpu"]
    assert (decode.busy_ns, decode.exposed_ns) == (36 * US, 3 * US)
    assert conv.exposed_ns == 35 * US


def test_work_in_a_pool_belongs_to_the_request_that_waits_for_it() -> None:
    made = served(
        "main: 0-1 range x | t2: 10-20 range compute:model | t3: 10-30 range compute:model",
        (A, 0, 2, 0, ""),
        (B, 2, 4, 0, ""),
        (A, 2, 9, 0, "thread pool"),
        (A, 9, 21, 1, ""),
        (B, 9, 31, 2, ""),
        (A, 21, 25, 0, "event loop"),
        (A, 25, 26, 0, ""),
        (B, 32, 33, 0, ""),
        requests=((0, 26), (2, 33)),
    )
    a, b = of(made)
    assert (a["compute.declared"], b["compute.declared"]) == (10, 20)
    assert (a["queue.thread pool"], a["queue.event loop"]) == (7, 4)


def test_waits_count_where_nothing_else_was_seen() -> None:
    made = served("main: 0-1 request", (A, 0, 9, 0, "event loop"), requests=((0, 9),))
    assert of(made) == [{"queue.event loop": 9}]


def test_a_thread_that_serves_helps_nobody_else() -> None:
    """Without stints, A would claim what the pool does for B."""
    made = served(
        "main: 0-1 range x | t2: 10-20 range compute:model",
        (A, 0, 2, 0, ""),
        (B, 2, 4, 0, ""),
        (B, 9, 21, 1, ""),
        requests=((0, 30), (2, 30)),
    )
    a, b = of(made)
    assert "compute.declared" not in a and b["compute.declared"] == 10


spans = some.lists(
    some.tuples(some.integers(0, 200), some.integers(1, 30), some.sampled_from((A, B))), max_size=12
)


def disjoint(rows: list[tuple[int, int, int]], lane: int) -> list[tuple[int, int, int, int, str]]:
    found, free = list[tuple[int, int, int, int, str]](), 0
    for start, length, number in sorted(rows):
        if start >= free:
            found.append((number, start, start + length, lane, ""))
            free = start + length
    return found


@given(
    spans, spans, some.lists(some.tuples(some.integers(0, 200), some.integers(1, 40)), max_size=9)
)
def test_stages_sum_to_the_wall_whatever_the_stints(
    loop: list[tuple[int, int, int]],
    pool: list[tuple[int, int, int]],
    ranges: list[tuple[int, int]],
) -> None:
    text = " | ".join(
        f"{'t2' if n % 2 else 'main'}: {a}-{a + b} range {'io' if n % 3 else 'compute'}:r{n}"
        for n, (a, b) in enumerate(ranges)
    )
    made = served(
        f"main: 0-1 range x | t2: 0-1 range x | {text}",
        *disjoint(loop, 0),
        *disjoint(pool, 1),
        (A, 0, 3, 0, "event loop"),
        requests=((0, 250), (50, 180)),
    )
    found: Breakdown = by_occupancy(Timeline(made))
    for one in found.requests:
        exposed = [share.exposed_ns for share in one.leaves.values()]
        assert sum(exposed) == one.request.wall_ns and min(exposed) >= 0


@given(spans, some.lists(some.integers(-5, 250), max_size=20))
def test_the_owner_is_who_a_thread_worked_for(
    rows: list[tuple[int, int, int]], times: list[int]
) -> None:
    stints = Stints.from_rows(disjoint(rows, 3))
    found = stints.owner(np.full(len(times), 3, np.int32), np.array(times, np.int64))
    for time, owner in zip(times, found.tolist(), strict=True):
        mine = [one for one, a, b, _, _ in disjoint(rows, 3) if a <= time < b]
        assert owner == (mine[0] if mine else NOBODY)
    other_lane = stints.owner(np.full(len(times), 4, np.int32), np.array(times, np.int64))
    assert (other_lane == NOBODY).all()


def test_stints_are_kept_on_disk_and_older_recordings_have_none(tmp_path: Path) -> None:
    TWO_IN_TURNS.save(tmp_path)
    assert of(Recording.load(tmp_path)) == of(TWO_IN_TURNS)
    (tmp_path / "stints.parquet").unlink()
    assert len(Recording.load(tmp_path).stints) == 0
