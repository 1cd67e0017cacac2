"""Traces are read in pieces: where a file is cut is not seen in what is read, nor in its memory."""

from __future__ import annotations

import dataclasses
import gzip
import json
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.importers import kineto
from infprof.profiler.kineto import trace_file
from infprof.profiler.kineto.document import About
from infprof.profiler.kineto.parts import read_part
from infprof.profiler.kineto.pieces import NotInPieces, Pieces, about_of
from infprof.profiler.recording import BadInput, Recording

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
EPOCH_US = 1711234567890123.457
TOLD = {
    "deviceProperties": [{"name": "Tesla T4", "computeMajor": 7}, {"name": "other"}],
    "baseTimeNanoseconds": 1000,
    "distributedInfo": {"pg": [{"a": 1}, {"b": 2}]},
}


def event(number: int, **more: Any) -> dict[str, Any]:
    args = {"Input Dims": [[number % 3]], "Input type": ["}, {"], "correlation": number}
    return {
        "ph": "X", "cat": "cpu_op", "name": f"aten::op{number % 5}", "pid": 1, "tid": 2,
        "ts": 10 * number, "dur": 5.25, "args": args, **more,
    }  # fmt: skip


EVENTS = [event(number) for number in range(60)]
ODD = [
    event(1, ph="B"), event(2, cat="kernel", args={"stream": "stream 7", "device": 0}),
    {"ph": "E", "pid": 1, "tid": 2, "ts": 90}, {"ph": "M", "name": "thread_name", "pid": 1,
    "tid": 2, "args": {"name": "main"}}, {"ph": "i", "name": "Record Window End", "ts": 9},
    event(3, name="infprof:request:p", cat="user_annotation"), event(4, args=None, ts="7"),
    event(5, pid="Spans", cat="Trace", name="PyTorch Profiler (0)"), event(6, dur=0.0005),
    event(7, name="infprof:compute:aten::op3", cat="user_annotation"), event(8, dur=-1), {},
    event(9, args={"list": [{"a": 1}, {"b": [{}]}], "Input dims": [[7]]}),
]  # fmt: skip
DOCUMENTS: dict[str, Any] = {
    "told before": {**TOLD, "traceEvents": EVENTS + ODD},
    "told behind": {"schemaVersion": 1, "traceEvents": ODD + EVENTS, **TOLD},
    "a list": EVENTS,
    "no events": {**TOLD, "traceEvents": []},
    "one event": {"traceEvents": EVENTS[:1]},
    "exact times at the end": {**TOLD, "traceEvents": [*EVENTS, event(1, ts=EPOCH_US)]},
    "a nested list first": {"x": {"traceEvents": EVENTS[:3]}, "traceEvents": EVENTS[5:9]},
    "a nested list last": {"traceEvents": EVENTS[5:9], "x": {"traceEvents": EVENTS[:3]}},
    "boundaries in arguments": {"traceEvents": [event(1, args={"x": [{}] * 9})] * 9},
}


def facts(recording: Recording) -> dict[str, Any]:
    """All of a recording, comparable."""
    found: dict[str, Any] = {"header": recording.header.model_dump_json()}
    for table in (recording.events, recording.requests):
        for field in dataclasses.fields(table):
            value = getattr(table, field.name)
            found[f"{type(table).__name__}.{field.name}"] = (
                (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value
            )
    return found


def read(path: Path, piece: int) -> dict[str, Any] | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace_file, "PIECE", piece)
        try:
            return facts(kineto.read(path))
        except BadInput as refusal:
            return str(refusal)


def whole(path: Path) -> dict[str, Any] | str:
    """What reading in one go makes of a file."""

    def never(*_: object, **__: object) -> None:
        raise NotInPieces

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kineto, "_in_pieces", never)
        return read(path, 1 << 20)


def pieces_of(text: bytes, size: int) -> tuple[list[int], About]:
    pieces = Pieces((text[at : at + size] for at in range(0, len(text), size)), exact=False)
    lengths = [len(events) for events in pieces]
    return lengths, about_of(pieces.head, pieces.tail, exact=False)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_piece_size_gives_the_same(tmp_path: Path, name: str, indent: int | None) -> None:
    path = tmp_path / "trace.json"
    text = json.dumps(DOCUMENTS[name], indent=indent).encode()
    for data in (text, b"\xef\xbb\xbf \n" + text, gzip.compress(text), text[:-2], text + b"\n"):
        path.write_bytes(data)
        expected = whole(path)
        for piece in (1, 20, 300, 1 << 10, 10 << 10, 1 << 20):
            assert read(path, piece) == expected


numbers = st.one_of(
    st.integers(-5, 500), st.floats(0, 1e4), st.sampled_from([None, "8", EPOCH_US, 10**30, True])
)
events = st.fixed_dictionaries(
    {},
    optional={
        "ph": st.sampled_from("XXXXXXBEMis"),
        "cat": st.sampled_from(["cpu_op", "kernel", "Runtime", "user_annotation", "Trace", ""]),
        "name": st.sampled_from(["aten::to", "a}, {", "é\\", "infprof:request:x", "thread_name"]),
        "pid": st.sampled_from([1, 2, "Spans", "2", None]), "tid": st.sampled_from([1, "stream 7"]),
        "ts": numbers, "dur": numbers,
        "args": st.fixed_dictionaries(
            {},
            optional={
                "Input Dims": st.sampled_from([[[1, 2]], [], "x", [1.50, -0.0], [10**19]]),
                "correlation": numbers, "device": numbers, "stream": numbers, "bytes": numbers,
                "Concrete Inputs": st.just(["6"]), "graph id": numbers, "x": st.just([{}, {}]),
            },
        ),
    },
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(events, max_size=12), piece=st.integers(1, 700), listed=st.booleans(),
    indent=st.sampled_from([None, 0, 2]), cut=st.integers(-40, 0),
)  # fmt: skip
def test_no_cut_is_seen(
    tmp_path: Path, rows: list[Any], piece: int, listed: bool, indent: int | None, cut: int
) -> None:
    path = tmp_path / "trace.json"
    document = rows if listed else {**TOLD, "traceEvents": rows, "deviceProperties": [{}, {}]}
    text = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    path.write_bytes(text[: cut or None] if cut > -20 else text)
    assert read(path, piece) == whole(path)


@pytest.mark.skipif(not TRACES.is_dir(), reason="the recorded traces are not here")
@pytest.mark.parametrize("piece", [1 << 10, 10 << 10])
@pytest.mark.parametrize(
    "name",
    ["a100_vit_int8.json.gz", "edge_cpu_tiny_no_device.json", "h100_bert_small_forward.json.gz",
     "edge_single_triton_kernel.json.gz", "mi300x_vllm_decode_graph.json.gz"],
)  # fmt: skip
def test_recorded_traces_are_read_in_pieces_and_the_same(name: str, piece: int) -> None:
    path = TRACES / name
    assert read(path, piece) == whole(path)
    data = trace_file.contents(path).data
    lengths, _ = pieces_of(data, piece)
    assert len(lengths) >= len(data) // piece // 8
    assert sum(lengths) == len(json.loads(data)["traceEvents"])


def test_pieces_hold_some_events_and_the_rest_is_told_at_the_end() -> None:
    text = json.dumps({"traceEvents": EVENTS, **TOLD}, indent=2).encode()
    lengths, about = pieces_of(text, 2000)
    assert sum(lengths) == len(EVENTS) and max(lengths) < 12
    assert about.deviceProperties == TOLD["deviceProperties"]
    assert about.baseTimeNanoseconds == 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + b"}",
        lambda text: text.replace(b'"traceEvents"', b'"traceEvents": [], "traceEvents"'),
        lambda text: text[:-1] + b', "traceEvents": []}',
        lambda text: text.replace(b'"traceEvents"', b'"traceEvent\\u0073"'),
        lambda text: text.replace(b'"ph": "X"', b'"ph": 7', 1),
        lambda text: text.replace(b"}}]", b"}},]"),
        lambda text: text.replace(b"}}, {", b"}},, {", 1),
        lambda text: b'{"x": [' + text + b"]}",
        lambda text: text[:-2],
        lambda text: text[: len(text) // 2],
    ],
)  # fmt: skip
def test_what_is_no_plain_trace_is_left_to_those_who_read_whole(
    change: Callable[[bytes], bytes],
) -> None:
    text = json.dumps({"traceEvents": EVENTS}).encode()
    assert sum(pieces_of(text, 900)[0]) == len(EVENTS)
    changed = change(text)
    assert changed != text
    with pytest.raises(NotInPieces):
        pieces_of(changed, 900)


def test_memory_is_that_of_columns_and_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "PIECE", 64 << 10)
    path = tmp_path / "trace.json"

    def peak(count: int) -> int:
        path.write_text(json.dumps({"traceEvents": [event(number) for number in range(count)]}))
        kineto.read(path)
        tracemalloc.start()
        kineto.read(path)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few, many = peak(3_000), peak(9_000)
    per_event = (many - few) / 6_000
    assert per_event < path.stat().st_size / 9_000 * 1.5  # decoded, an event takes thrice its text


def _note(told: list[tuple[int, int]], done: int, of: int) -> None:
    told.append((done, of))


def test_progress_is_told_in_bytes_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "PIECE", 1000)
    text = json.dumps({"traceEvents": EVENTS}).encode()
    for data in (text, gzip.compress(text)):
        path, told = tmp_path / "trace", list[tuple[int, int]]()
        path.write_bytes(data)
        read_part(path, progress=partial(_note, told))
        assert told == sorted(told) and len(told) > 1
        assert {of for _, of in told} == {len(data)}
        assert told[-1][0] <= len(data)
