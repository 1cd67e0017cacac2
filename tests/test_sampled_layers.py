"""Samples share out what no exact span covers, and to the nanosecond nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler.breakdown import by_occupancy
from infprof.profiler.intervals import length, union
from infprof.profiler.mixture import Mixture
from infprof.profiler.recording import Recording
from infprof.profiler.sampled_layers import FEW, sampled_leaves
from infprof.profiler.timeline import Timeline
from tests.build import recording, timeline

NET = "lib/torch/nn/modules/module.py:1:Module._call_impl"
LOAD, SHOW = "serve.py:19:serve > serve.py:3:load", "serve.py:21:serve > serve.py:6:show"
CALL = f"serve.py:20:serve > {NET}"


def leaves(text: str) -> dict[str, int]:
    """Exposed nanoseconds by leaf; leaves without any are left out."""
    found = by_occupancy(timeline(text)).leaves
    return {leaf: exposed for leaf, (exposed, _) in found.items() if exposed}


def test_the_gaps_around_a_model_belong_to_the_code_around_it() -> None:
    assert leaves(
        f"""main: 0-100 request
        main: 40-80 range nn.Module: Net
        main: 40-80 op aten::linear
        main: 0-40 stack 8 {LOAD}
        main: 40-80 stack 8 {CALL}
        main: 80-100 stack 8 {SHOW}"""
    ) == {"preprocess.load": 40_000, "compute.cpu": 40_000, "postprocess.show": 20_000}


def test_a_gap_is_divided_by_counts_in_the_order_of_the_samples() -> None:
    text = f"""main: 0-100 request
        main: 60-100 range nn.Module: Net
        main: 0-20 stack 2 serve.py:18:serve > serve.py:9:read !io
        main: 20-60 stack 4 {LOAD}
        main: 60-100 stack 4 {CALL}"""
    spans = dict(sampled_leaves(timeline(text), 0))
    assert (spans["io.read"].start.tolist(), spans["io.read"].end.tolist()) == ([0], [20_000])
    assert spans["preprocess.load"].start.tolist() == [20_000]
    assert spans["preprocess.load"].end.tolist() == [60_000]


def test_requests_far_shorter_than_the_sampling_interval_divide_by_proportion() -> None:
    """100 requests of 1 ms, one sample in each fourth: 18 of 25 found it loading."""
    rows = []
    for number in range(100):
        at = 1010 * number
        rows.append(f"main: {at}-{at + 1000} request")
        rows.append(f"main: {at + 800}-{at + 1000} range nn.Module: Net")
        if number % 4 == 0:
            early = number % 16 != 0
            when, what = (at + 200, LOAD) if early else (at + 700, "serve.py:19:serve")
            rows.append(f"main: {when}-{when + 1} stack 1 {what}")
    rows.append(f"main: 200000-200001 stack 1 {CALL}")
    found = leaves("\n".join(rows))
    assert found["preprocess.load"] == pytest.approx(80_000_000 * 18 / 25, abs=100)
    assert found["preprocess.serve"] == pytest.approx(80_000_000 * 7 / 25, abs=100)


def test_gaps_of_different_kinds_are_divided_apart() -> None:
    found = leaves(
        f"""main: 0-100 request
        main: 20-30 range io:read
        main: 60-90 range nn.Module: Net
        main: 0-20 stack {FEW} serve.py:17:serve > serve.py:30:parse
        main: 30-60 stack {FEW} {LOAD}
        main: 60-90 stack {FEW} {CALL}
        main: 90-100 stack {FEW} {SHOW}"""
    )
    assert found == {
        "preprocess.parse": 20_000,
        "io.read": 10_000,
        "preprocess.load": 30_000,
        "python.interpreter": 30_000,
        "postprocess.show": 10_000,
    }


def test_a_kind_of_gap_with_few_samples_is_divided_as_all_are() -> None:
    found = leaves(
        f"""main: 0-100 request
        main: 60-90 range nn.Module: Net
        main: 0-60 stack {4 * FEW} {LOAD}
        main: 60-90 stack {FEW} {CALL}
        main: 90-100 stack {FEW - 1} {SHOW}"""
    )
    share = 10_000 * (FEW - 1) / (5 * FEW - 1)
    assert found["preprocess.load"] == pytest.approx(70_000 - share, abs=1)
    assert found["postprocess.show"] == pytest.approx(share, abs=1)


def test_ops_outside_the_model_belong_to_the_code_that_calls_them() -> None:
    ops = """main: 0-100 request
        main: 10-30 op aten::stack
        main: 40-80 range nn.Module: Net
        main: 40-80 op aten::linear
        main: 85-95 op aten::softmax
        """
    samples = f"""main: 0-40 stack 8 {LOAD}
        main: 40-80 stack 8 {CALL}
        main: 80-100 stack 8 {SHOW}"""
    assert leaves(ops + samples) == {
        "preprocess.load": 40_000,
        "compute.cpu": 40_000,
        "postprocess.show": 20_000,
    }
    assert leaves(ops)["compute.cpu"] == 70_000  # nothing is known of the code around
    assert leaves((ops + samples).replace("nn.Module: Net", "compute:net"))["compute.cpu"] == 70_000


def test_samples_of_another_thread_or_of_no_request_say_nothing() -> None:
    found = leaves(
        f"""main: 0-100 request
        t2: 0-100 stack 20 {LOAD}
        main: 200-300 stack 20 {LOAD}
        main: 50-100 range nn.Module: Net"""
    )
    assert found == {"python.interpreter": 50_000, "unattributed": 50_000}


LEAF = st.sampled_from(["io.a", "preprocess.b", "python.c", "postprocess.d"])


@given(
    st.lists(st.tuples(LEAF, st.floats(0, 1)), min_size=1, max_size=40),
    st.integers(0, 10**18),
    st.integers(1, 10**12),
)
def test_the_pieces_of_a_gap_tile_it_exactly(
    seen: list[tuple[str, float]], start: int, size: int
) -> None:
    mixture = Mixture()
    for leaf, position in seen:
        mixture.add(leaf, position)
    pieces = mixture.cut(start, start + size)
    assert pieces[0][1] == start and pieces[-1][2] == start + size
    assert all(a[2] == b[1] for a, b in zip(pieces, pieces[1:], strict=False))
    for leaf, begin, end in pieces:
        assert abs((end - begin) - size * mixture.count[leaf] / mixture.total) <= 1 + size / 2**50
    assert len({leaf for leaf, _, _ in pieces}) == len(pieces)


STACKS = (LOAD, SHOW, CALL, "serve.py:20:serve", "lib/queue.py:1:Queue.get", "x.py:1:other !io")
KINDS = ("op", "range io:a", "range preprocess:b", "range nn.Module: Net", "range plain",
         "range requests.request in fetch (a.py:1)", "python PIL/Image.py(1): open")  # fmt: skip


@st.composite
def programs(draw: st.DrawFn) -> Recording:
    """Requests, spans and samples on two threads, anywhere."""
    rows: list[str] = []
    lanes = st.sampled_from(("main", "t2"))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, 900))
        phase = draw(st.sampled_from(("", "plain", "cold")))
        rows.append(f"{draw(lanes)}: {start}-{start + draw(st.integers(1, 400))} request {phase}")
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, 900))
        end = start + draw(st.integers(0, 300))
        rows.append(f"{draw(lanes)}: {start}-{end} {draw(st.sampled_from(KINDS))}")
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, 900))
        end = start + draw(st.integers(0, 300))
        count = draw(st.integers(1, 20))
        rows.append(f"{draw(lanes)}: {start}-{end} stack {count} {draw(st.sampled_from(STACKS))}")
    return recording("\n".join(rows))


@settings(max_examples=200, deadline=None)
@given(programs())
def test_with_samples_too_all_sums_are_exact(made: Recording) -> None:
    found = by_occupancy(Timeline(made))
    for one in found.requests:
        assert sum(share.exposed_ns for share in one.leaves.values()) == one.request.wall_ns
        for share in one.leaves.values():
            assert 0 <= share.exposed_ns <= share.busy_ns
            assert length(union(share.exposed)) == share.exposed_ns
    assert sum(exposed for exposed, _ in found.stages.values()) == found.wall_ns


@settings(max_examples=100, deadline=None)
@given(programs())
def test_sampled_pieces_of_a_thread_never_overlap(made: Recording) -> None:
    built = Timeline(made)
    for lane in {one.lane for one in built.requests if one.lane is not None}:
        spans = [spans for _, spans in sampled_leaves(built, lane)]
        pieces = sorted(
            (start, end)
            for one in spans
            for start, end in zip(one.start.tolist(), one.end.tolist(), strict=True)
            if end > start
        )
        assert all(a[1] <= b[0] for a, b in zip(pieces, pieces[1:], strict=False))
