"""A long trace is read by another process; where that does not work, by this one."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infprof import loading, reading_ahead
from infprof.profiler.events import COLUMNS
from infprof.profiler.recording import BadInput, Recording

EVENT = {"ph": "X", "cat": "cpu_op", "name": "aten::add", "pid": 1, "tid": 1, "ts": 10, "dur": 5}


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as long."""
    monkeypatch.setattr(reading_ahead, "LONG_BYTES", {".json": 0, ".gz": 0})
    file = tmp_path / "trace.json"
    events = [{**EVENT, "ts": number, "name": f"aten::{number}"} for number in range(50)]
    file.write_text(json.dumps({"traceEvents": events}))
    return file


@pytest.fixture
def not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading in this process fails."""

    def refuse(*_: Any) -> Recording:
        raise AssertionError("read in this process")

    monkeypatch.setattr(loading, "load", refuse)


def read(file: Path) -> Recording:
    with reading_ahead.reading_ahead(file) as outcome:
        return outcome()


@pytest.mark.parametrize("head_start", [0, 1 << 20])
def test_read_by_both_or_by_the_other_alone_it_is_the_same(
    trace: Path,
    head_start: int,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(reading_ahead, "HEAD_START_BYTES", head_start)
    until = reading_ahead._where_to_cut(trace)
    assert (until == reading_ahead.TO_THE_END) == (head_start > 0)
    here = loading.load(trace)
    request.getfixturevalue("not_here")
    there = read(trace)
    assert there.header == here.header and there.events.names == here.events.names
    for column in COLUMNS:
        assert (getattr(there.events, column) == getattr(here.events, column)).all()


@pytest.mark.usefixtures("not_here")
def test_a_packed_file_is_read_by_the_other(trace: Path) -> None:
    packed = trace.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(trace.read_bytes()))
    assert len(read(packed).events) == 50


@pytest.mark.parametrize(
    "text, complaint",
    [('{"traceEvents": []}', "holds no event"), ("[1, 2]", "not a trace"), ("", "is empty")],
)
def test_what_is_wrong_with_the_file_is_told(trace: Path, text: str, complaint: str) -> None:
    trace.write_text(text)
    with pytest.raises(BadInput, match=complaint):
        read(trace)


@pytest.mark.parametrize("head_start", [0, 1 << 20])
@pytest.mark.parametrize(
    "damage", [("50", '"'), ('"dur": 5', '"dur": "5"'), ("aten::30", 'aten::30", ,"')]
)
def test_a_file_that_needs_care_is_read_here(
    trace: Path, damage: tuple[str, str], head_start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_ahead, "HEAD_START_BYTES", head_start)
    trace.write_text(trace.read_text().replace(*damage))
    here, there = loading.load(trace), read(trace)
    assert there.header == here.header
    assert (there.events.end_ns == here.events.end_ns).all()


@pytest.mark.usefixtures("not_here")
def test_modules_that_lie_in_the_folder_are_not_run(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trace.parent / "msgspec.py").write_text("raise SystemExit('strange code ran')")
    monkeypatch.chdir(trace.parent)
    assert len(read(trace).events) == 50


@pytest.mark.parametrize("python", ["", "/there/is/no/such/python", "false"])
def test_without_another_process_it_is_read_here(
    trace: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    assert len(read(trace).events) == 50


def test_short_files_and_folders_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    (tmp_path / "short.json").write_text(json.dumps([EVENT]))
    assert len(read(tmp_path / "short.json").events) == 1
    with pytest.raises(BadInput):
        read(tmp_path)


def test_the_other_ends_where_nobody_waits_for_it(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = reading_ahead._start

    def noted(file: Path, until: int) -> subprocess.Popen[bytes] | None:
        process = start(file, until)
        assert process is not None
        started.append(process)
        return process

    monkeypatch.setattr(reading_ahead, "_start", noted)
    with pytest.raises(KeyboardInterrupt), reading_ahead.reading_ahead(trace):
        raise KeyboardInterrupt
    assert [one.returncode is not None for one in started] == [True]
