"""A trace read in two parts is the trace, wherever it was cut, or is told to be none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.importers import kineto
from infprof.profiler.kineto import trace_file
from infprof.profiler.kineto.document import NotExact
from infprof.profiler.kineto.packed import pack, unpack
from infprof.profiler.kineto.parting import boundary
from infprof.profiler.kineto.parts import joined, read_part
from infprof.profiler.kineto.pieces import NotInPieces
from infprof.profiler.kineto.trace_file import Stretch
from tests.test_kineto_pieces import DOCUMENTS, EVENTS, TOLD, TRACES, events, facts, whole

PLAIN = [{key: value for key, value in one.items() if key != "args"} for one in EVENTS]


def in_two(path: Path, until: int) -> dict[str, Any] | None:
    """The recording, or ``None`` where it cannot be read so."""
    try:
        first = unpack(pack(read_part(path, Stretch(end=until))))
        rest = read_part(path, Stretch(begin=until + 1))
        return facts(kineto.recording_of(path, joined([first, rest])))
    except (ValueError, NotExact):
        return None


def boundaries(path: Path) -> list[int]:
    found, near = list[int](), 0
    while (at := boundary(path, near)) is not None:
        found.append(at)
        near = at + 1
    return found


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_wherever_it_is_cut_it_is_the_same_or_refused(
    tmp_path: Path, name: str, indent: int | None
) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(DOCUMENTS[name], indent=indent))
    expected = whole(path)
    assert {repr(in_two(path, at)) for at in boundaries(path)} <= {repr(expected), "None"}


def test_plain_traces_are_read_so_at_each_boundary(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": PLAIN, "schemaVersion": 1}))
    cuts = boundaries(path)
    assert len(cuts) == len(PLAIN) - 1
    assert [in_two(path, at) for at in cuts] == [whole(path)] * len(cuts)


def test_cut_elsewhere_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": EVENTS[:9], **TOLD}))
    text = path.read_bytes()
    behind = text.rindex(b"}, {")  # between two entries of what stands behind the events
    with pytest.raises(NotInPieces):
        read_part(path, Stretch(end=behind + 1))
    assert [in_two(path, at) for at in (text.index(b", "), behind + 1, len(text) - 1)] == [None] * 3


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(events, min_size=2, max_size=12), piece=st.integers(1, 700),
    listed=st.booleans(), indent=st.sampled_from([None, 0, 2]), which=st.integers(0, 30),
)  # fmt: skip
def test_no_cut_is_seen(
    tmp_path: Path, rows: list[Any], piece: int, listed: bool, indent: int | None, which: int
) -> None:
    path = tmp_path / "trace.json"
    document = rows if listed else {**TOLD, "traceEvents": rows, "deviceProperties": [{}, {}]}
    path.write_text(json.dumps(document, indent=indent))
    cuts = boundaries(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace_file, "PIECE", piece)
        found = in_two(path, cuts[which % len(cuts)])
    assert found is None or found == whole(path)


@pytest.mark.skipif(not TRACES.is_dir(), reason="the recorded traces are not here")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    "name",
    ["a100_vit_int8.json.gz", "h100_bert_small_forward.json.gz",
     "mi300x_vllm_decode_graph.json.gz", "v100_resnet50_train_workers4_oldformat.json.gz"],
)  # fmt: skip
def test_recorded_traces_in_two_parts_are_the_same(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name.removesuffix(".gz")
    path.write_bytes(trace_file.contents(TRACES / name).data)
    until = boundary(path, int(path.stat().st_size * share))
    assert until is not None
    assert in_two(path, until) == whole(path)


def test_a_packed_file_has_no_boundary_and_a_short_one_none_so_late(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(b"\x1f\x8b" + bytes(100))
    assert boundary(path, 0) is None and boundary(path, 1 << 30) is None


def test_progress_is_that_of_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_file, "PIECE", 1000)
    path, told = tmp_path / "trace.json", list[tuple[int, int]]()
    path.write_text(json.dumps(PLAIN))
    until = boundary(path, path.stat().st_size // 2)
    assert until is not None
    for stretch in (Stretch(end=until), Stretch(begin=until + 1)):
        told.clear()
        read_part(path, stretch, lambda done, of: told.append((done, of)))
        size = min(stretch.end, path.stat().st_size) - stretch.begin
        assert told == sorted(told) and len(told) > 1
        assert {of for _, of in told} == {size} and told[-1][0] <= size
