"""Sampled stacks keep what was seen, as a tree, through the disk and back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler.columns import read_stacks, write_stacks
from infprof.profiler.recording import BadInput, Recording
from infprof.profiler.stacks import (
    CALL_TYPES,
    NO_STACKS,
    SAMPLE_COLUMNS,
    CallsBuilder,
    Place,
    Stacks,
    State,
)
from tests.build import recording

TEXT = """main: 0-100 request
    main: 0-50 stack 5 serve.py:10:main > lib/json/__init__.py:3:dumps !io
    t2: 50-100 stack 5 serve.py:10.4:main > serve.py:20:<listcomp>"""


@pytest.mark.parametrize(
    ("times_ms", "late"),
    [
        ((0.0, 10.0, 20.0, 27.3), (True, True, True, False)),
        ((0.0, 9.1, 19.1, 28.0), (False, True, True, False)),
        ((3.0,), (False,)),
        ((), ()),
    ],
)
def test_rows_whole_steps_apart_are_of_a_look_that_came_late(
    times_ms: tuple[float, ...], late: tuple[bool, ...]
) -> None:
    builder = CallsBuilder()
    builder.add(-1, Place("serve.py", "main", 1))
    rows = [(round(one * 1e6), 0, 0, int(State.RUNNING)) for one in times_ms]
    others = [(round(one * 1e6) + 1, 1, 0, int(State.RUNNING)) for one in (0.0, 7.7)]
    found = Stacks.of(rows + others, builder.build())
    assert tuple(found.is_late[found.lane == 0].tolist()) == late
    assert not found.is_late[found.lane == 1].any()


def same(a: Stacks, b: Stacks) -> bool:
    """Whether two tables say the same: rows, places and who called whom."""
    rows = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in SAMPLE_COLUMNS)
    return rows and calls_of(a) == calls_of(b)


def calls_of(stacks: Stacks) -> list[tuple[int, Place]]:
    calls = stacks.calls
    return [(int(calls.parent[one]), calls.place(one)) for one in range(len(calls))]


def test_a_call_is_one_row_however_often_it_was_seen() -> None:
    builder, place = CallsBuilder(), Place("serve.py", "main", 3)
    outer = builder.add(-1, place)
    inner = builder.add(outer, Place("serve.py", "load", 9))
    assert builder.add(-1, place) == outer
    assert builder.add(-1, Place("serve.py", "load", 9)) != inner  # called by nobody
    calls = builder.build()
    assert len(calls) == 3 and calls.path(inner) == [outer, inner]
    assert calls.place(inner) == Place("serve.py", "load", 9)


def test_rows_are_sorted_by_time() -> None:
    stacks = Stacks.of([(20, 0, -1, 1), (10, 1, -1, 2)], CallsBuilder().build())
    assert stacks.time_ns.tolist() == [10, 20] and stacks.lane.tolist() == [1, 0]


def test_a_recording_brings_its_stacks_back(tmp_path: Path) -> None:
    made = recording(TEXT)
    made.save(tmp_path)
    found = Recording.load(tmp_path)
    assert same(found.stacks, made.stacks) and len(found.stacks) == 10
    assert set(found.stacks.state.tolist()) == {State.IO, State.RUNNING}
    for name, kind in CALL_TYPES.items():
        assert getattr(found.stacks.calls, name).dtype == kind


def test_without_samples_there_are_no_files(tmp_path: Path) -> None:
    recording("main: 0-100 request").save(tmp_path)
    assert not list(tmp_path.glob("stacks*")) and not list(tmp_path.glob("calls*"))
    assert Recording.load(tmp_path).stacks is NO_STACKS


def test_a_recording_made_before_there_were_stacks_opens(tmp_path: Path) -> None:
    recording(TEXT).save(tmp_path)
    for name in ("stacks.parquet", "calls.parquet"):
        (tmp_path / name).unlink()
    found = Recording.load(tmp_path)
    assert len(found.stacks) == 0 and len(found.requests) == 1


@pytest.mark.parametrize(
    ("parents", "call"),
    [([0], 0), ([-1, 2, 1], 1), ([1, -1], 0), ([-1], 1)],
    ids=["its own parent", "a circle", "a child before its parent", "a call that is not there"],
)
def test_what_is_not_a_tree_is_refused(tmp_path: Path, parents: list[int], call: int) -> None:
    recording(TEXT).save(tmp_path)
    columns = {name: arrow.array([0] * len(parents)) for name in CALL_TYPES}
    columns |= {"parent": arrow.array(parents)}
    columns |= {name: arrow.array(["x"] * len(parents)) for name in ("file", "function")}
    parquet.write_table(arrow.table(columns), tmp_path / "calls.parquet")
    samples = {name: arrow.array([call]) for name in SAMPLE_COLUMNS}
    parquet.write_table(arrow.table(samples), tmp_path / "stacks.parquet")
    with pytest.raises(BadInput, match="not a tree"):
        Recording.load(tmp_path)


def test_half_a_pair_of_files_is_refused(tmp_path: Path) -> None:
    recording(TEXT).save(tmp_path)
    (tmp_path / "calls.parquet").unlink()
    with pytest.raises(BadInput):
        Recording.load(tmp_path)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLACES = st.builds(
    Place, TEXTS, TEXTS, st.integers(0, 2**31 - 1), st.integers(-1, 2**31 - 1), st.booleans()
)


@st.composite
def sampled(draw: st.DrawFn) -> Stacks:
    """Any tree, and any samples of its calls."""
    builder = CallsBuilder()
    for _ in range(draw(st.integers(1, 10))):
        builder.add(draw(st.integers(-1, len(builder.rows) - 1)), draw(PLACES))
    row = st.tuples(
        st.integers(0, 2**62),
        st.integers(0, 9),
        st.integers(0, len(builder.rows) - 1),
        st.sampled_from([int(state) for state in State]),
    )
    return Stacks.of(draw(st.lists(row, min_size=1, max_size=20)), builder.build())


@settings(max_examples=100, deadline=None)
@given(sampled())
def test_any_samples_survive_the_disk(made: Stacks) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_stacks(Path(folder), made)
        assert same(read_stacks(Path(folder)), made)
