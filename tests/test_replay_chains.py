"""Replayed at once or piece by piece, a stretch of device work ends at the same times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler import replay_chains
from infprof.profiler.device_links import NEVER
from infprof.profiler.replay import _Streams, _WorkInOrder
from infprof.profiler.replay_chains import chains_of
from infprof.profiler.replay_steps import NONE, Work

EARLIER = 5
"""Pieces of work that had ended before."""


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Work, np.ndarray, list[list[int]]]:
    """Work on three streams, each piece behind one of its stream, of before, or behind nothing;
    now and then told to wait for a piece of before. And launches and times, twice."""
    count = draw(st.integers(1, 40))
    lane = np.array(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int32)
    place = EARLIER + np.array(draw(st.permutations(range(count))))
    before, told = np.full((2, count), NONE)
    for one in range(count):
        same = np.flatnonzero(lane[:one] == lane[one])
        choice = draw(st.integers(0, 3))
        if choice and len(same):
            before[one] = place[same[-1]]
        elif choice == 1:
            before[one] = draw(st.integers(0, EARLIER - 1))
        if draw(st.integers(0, 5)) == 0:
            told[one] = draw(st.integers(0, EARLIER - 1))
    lags = [
        np.array(draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))) for _ in "ab"
    ]
    nothing = np.zeros(count, np.int64)
    work = Work(place, nothing, nothing, nothing, before, lags[0], told, lags[1])
    numbers = st.lists(st.integers(0, 60), min_size=count, max_size=count)
    return work, lane, [draw(numbers) for _ in range(2)]


def ended(
    work: Work, lane: np.ndarray, launched: list[int], times: list[int], *, at_once: bool
) -> tuple[list[int], dict[int, int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_chains, "LEAST_PIECES", 1)
        chains = chains_of(work, lane, 0, len(lane)) if at_once else None
    assert not at_once or chains is not None
    streams = _Streams([11 * one for one in range(EARLIER)] + [-7] * len(lane), lane.tolist())
    unchanged = [
        column.tolist()
        for column in (
            work.place, lane, work.waits_before, work.before, work.after_before, work.told,
            work.after_told,
        )
    ]  # fmt: skip
    found = {0: chains} if chains is not None else {}
    in_order = _WorkInOrder(work, unchanged, found, np.array(launched), np.array(times))
    in_order.run(len(lane), streams, [100, 0])
    return streams.ended, streams.last


@settings(max_examples=300, deadline=None)
@given(stretches())
def test_it_ends_as_piece_by_piece(stretch: tuple[Work, np.ndarray, list[list[int]]]) -> None:
    work, lane, (launched, times) = stretch
    one = ended(work, lane, launched, times, at_once=True)
    assert one == ended(work, lane, launched, times, at_once=False)
    assert one[0][-1] == NEVER and len(one[0]) == EARLIER + len(lane) + 1


def columns(before: list[int], told: list[int]) -> Work:
    count = len(before)
    zeros = np.zeros(count, np.int64)
    return Work(
        np.arange(count), zeros, zeros, zeros, np.array(before), zeros, np.array(told), zeros
    )


@pytest.mark.parametrize(
    ("before", "told", "lane"),
    [
        ([NONE, 0, 0], [NONE] * 3, [1, 1, 1]),  # two pieces of a graph behind one
        ([NONE, NONE, 1], [NONE, NONE, 0], [1, 2, 2]),  # waits for another stream
        ([NONE, 0], [NONE, NONE], [1, 2]),  # follows work of another stream
    ],
)
def test_what_waits_for_something_else_within_is_not_replayed_at_once(
    before: list[int], told: list[int], lane: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_chains, "LEAST_PIECES", 1)
    assert chains_of(columns(before, told), np.array(lane, np.int32), 0, len(lane)) is None


def test_short_stretches_are_replayed_piece_by_piece() -> None:
    assert chains_of(columns([NONE, 0], [NONE] * 2), np.array([1, 1], np.int32), 0, 2) is None
