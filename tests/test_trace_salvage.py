"""Damaged traces: every whole event comes out, the rest is counted or told, nothing crashes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.importers import kineto
from infprof.profiler.recording import BadInput, Recording

ROWS = [
    {
        "ph": "X", "cat": "cpu_op", "name": f"aten::op{number}", "pid": 1, "tid": 1,
        "ts": number * 10.5, "dur": 5, "args": {"Input Dims": [[1, 2]], "Sequence number": 3},
    }
    for number in range(12)
]  # fmt: skip
ROWS += [
    {
        "ph": "X", "cat": "kernel", "name": "gemm \\ {[\"x\u00e9", "pid": 0, "tid": 7,
        "ts": 200, "dur": 9, "args": {"device": 0, "stream": 7, "correlation": 4},
    }
]  # fmt: skip
DOCUMENT = {
    "schemaVersion": 1,
    "deviceProperties": [{"id": 0, "name": "Tesla T4", "computeMajor": 7}],
    "traceEvents": ROWS,
    "baseTimeNanoseconds": 1000,
}
TEXT = json.dumps(DOCUMENT, indent=1).encode()


def imported(folder: Path, data: bytes) -> Recording:
    path = folder / "trace.json"
    path.write_bytes(data)
    return kineto.read(path)


def test_every_prefix_gives_its_whole_events(tmp_path: Path) -> None:
    whole = [TEXT.index(f'"name": "aten::op{number + 1}"'.encode()) for number in range(11)]
    for end in range(0, len(TEXT), len(TEXT) // 50):
        at_least = sum(place < end for place in whole)
        try:
            recording = imported(tmp_path, TEXT[:end])
        except BadInput:
            assert at_least == 0
            continue
        assert at_least <= len(recording.events) <= at_least + 2
        assert len(recording.header.cuts) == 1 and "breaks off" in recording.header.cuts[0]
        assert recording.header.machine.gpus[0].name == "Tesla T4"
        assert "breaks off" in recording.header.missing.get("kernels", "breaks off")


def test_a_cut_behind_the_events_loses_none(tmp_path: Path) -> None:
    recording = imported(tmp_path, TEXT[: TEXT.index(b"baseTime") + 5])
    assert len(recording.events) == len(ROWS) and recording.header.cuts == []


@pytest.mark.parametrize(
    ("old", "new", "dropped"),
    [
        (b'\n  }\n ],\n "base', b'\n  },\n ],\n "base', 0),  # trailing comma in the list
        (b'"dur": 9,', b'"dur": 9,,', 1),
        (b'"correlation": 4', b'"correlation": 4,', 0),  # trailing comma in an object
        (b'"correlation": 4', b'"correlation": NaN, "bytes": -Infinity', 0),
        (b'"dur": 9', b'"dur": Infinity', 1),
        (b'"name": "aten::op3"', b'"name": "\xff\xfe"', 0),
        (b'"name": "aten::op3"', b'"name": "\\ud800"', 0),
        (b'"name": "aten::op3"', b'"name": "two\nlines\x01"', 0),
        (b'"name": "aten::op3"', b'"name": 3', 0),
        (b'"name": "aten::op3"', b'"name" "aten::op3"', 1),
        (b'"traceEvents": [', b'"traceEvents": [ 5, null, "x", [],', 4),
        (b'"schemaVersion": 1', b'"schemaVersion": 01', 0),
        (b"{\n", b"\xef\xbb\xbf{\n", 0),
    ],
)
def test_damage_costs_the_event_it_hits(
    tmp_path: Path, old: bytes, new: bytes, dropped: int
) -> None:
    assert old in TEXT
    recording = imported(tmp_path, TEXT.replace(old, new, 1))
    lost = dropped if dropped < 4 else 0
    assert len(recording.events) == len(ROWS) - lost
    assert recording.header.dropped_events == dropped
    assert recording.events.start_ns[0] == 1000  # the clock's base is still found
    "".join(recording.events.names).encode()


@pytest.mark.parametrize(
    "bomb",
    [
        b'{"ph": ' + b"[" * 200_000, b'{"ph": ' * 100_000, b"{" * 300_000, b'{"ph": "' * 100_000,
        b'{"ts": ' + b"9" * 300_000 + b"},", b'{"ph": [' + b" " * 2_000_000,
        (b'{"ph":[' + b"1," * 2000) * 200, b'{"ts": 1e' + b"9" * 100_000 + b"},",
        b'{"ph": "X", "cat": "kernel", "args": {"Input Dims": ' + b"[" * 900 + b"]" * 900 + b"}},",
    ],
)  # fmt: skip
def test_bombs_end_soon_and_spare_what_came_before(tmp_path: Path, bomb: bytes) -> None:
    began = time.monotonic()
    place = TEXT.index(b'"aten::op5"')
    place = TEXT.rindex(b"{", 0, place)
    recording = imported(tmp_path, TEXT[:place] + bomb + TEXT[place:])
    assert len(recording.events) >= 5
    assert recording.header.cuts or recording.header.dropped_events
    assert time.monotonic() - began < 10


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(TEXT)),
            st.integers(0, 40),
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([
                    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999", b"\\u00",
                    b'"ph":"B",', b'"ph":"E",', b'"ts":"x",', b'"args":[],', b"true", b"NaN",
                    b'"tid":{},', b'"cat":"cuda_runtime",', b"99999999999999999999",
                ]),
            ),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_any_mutation_gives_a_recording_or_one_line(
    tmp_path: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    data = TEXT
    for place, length, new in edits:
        data = data[:place] + new + data[place + length :]
    try:
        recording = imported(tmp_path, data)
    except BadInput as refusal:
        assert "\n" not in str(refusal)
        return
    recording.header.model_dump_json()
    events = recording.events
    "".join(events.names + events.shape_names).encode()
    assert (events.end_ns >= events.start_ns).all()
    assert (events.start_ns[1:] >= events.start_ns[:-1]).all()
    assert events.lane.max(initial=0) <= len(recording.header.lanes)
