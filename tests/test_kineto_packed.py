"""A part of a trace goes to another process and is the same there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infprof.profiler.kineto.columns import TYPES
from infprof.profiler.kineto.packed import pack, unpack
from infprof.profiler.kineto.parts import Part, joined, read_part

EVENTS: list[dict[str, Any]] = [
    {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 2, "ts": 10, "dur": 5.5,
     "args": {"Input Dims": [[2, 3]], "Input type": ["float"]}},
    {"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": 12, "dur": 2,
     "args": {"device": 0, "stream": 7, "correlation": 3}},
    {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy DtoH", "pid": 0, "tid": "stream 7", "ts": 15,
     "dur": 1, "args": {"bytes": 64}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "main"}},
    {"ph": "i", "name": "Record Window End", "ts": 9.5},
    {"name": "without a phase"},
]  # fmt: skip


def part(folder: Path, events: list[dict[str, Any]]) -> Part:
    path = folder / "trace.json"
    path.write_text(json.dumps({"traceEvents": events, "baseTimeNanoseconds": 7}))
    return read_part(path)


@pytest.mark.parametrize("count", [0, 1, len(EVENTS)])
def test_it_is_the_same_there(tmp_path: Path, count: int) -> None:
    here = part(tmp_path, EVENTS[:count])
    there = unpack(pack(here))
    assert (there.head, there.tail, there.cut) == (here.head, here.tail, here.cut)
    mine, theirs = here.columns, there.columns
    assert list(theirs.names) == list(mine.names) and list(theirs.lanes) == list(mine.lanes)
    assert theirs.lane_names == mine.lane_names and theirs.marks == mine.marks
    assert theirs.dropped == mine.dropped
    assert theirs.shapes.described.strings() == mine.shapes.described.strings()
    for name in TYPES:
        assert (theirs.column(name) == mine.column(name)).all()
    for left, right in zip(mine.start.nanoseconds(), theirs.start.nanoseconds(), strict=True):
        assert (left == right).all()
    assert joined([there]).about.baseTimeNanoseconds == 7
    assert all(np.concatenate(theirs.parts[name]).dtype == TYPES[name] for name in TYPES)


@pytest.mark.parametrize(
    "event",
    [
        EVENTS[0] | {"ph": "B"}, EVENTS[0] | {"ts": "10"}, EVENTS[0] | {"dur": "1"},
        EVENTS[0] | {"pid": 1 << 70},
    ],
)  # fmt: skip
def test_what_is_rare_is_not_sent(tmp_path: Path, event: dict[str, Any]) -> None:
    rare = part(tmp_path, [*EVENTS, event])
    with pytest.raises(ValueError, match="plain|64 bits"):
        pack(rare)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_what_is_cut_off_is_no_part(tmp_path: Path, cut: int) -> None:
    packed = pack(part(tmp_path, EVENTS))
    with pytest.raises(ValueError, match="truncated|trailing"):
        unpack(packed[:cut])
