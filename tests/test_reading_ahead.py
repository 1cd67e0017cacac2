"""A long trace is read by another process; where that does not work, by this one."""

from __future__ import annotations

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
    monkeypatch.setattr(reading_ahead, "LONG_BYTES", {".json": 0})
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


def test_what_comes_back_is_what_is_read_here(trace: Path, request: pytest.FixtureRequest) -> None:
    here = loading.load(trace)
    request.getfixturevalue("not_here")
    there = read(trace)
    assert there.header == here.header and there.events.names == here.events.names
    for column in COLUMNS:
        assert (getattr(there.events, column) == getattr(here.events, column)).all()


@pytest.mark.usefixtures("not_here")
def test_what_is_wrong_with_the_file_is_told_by_the_other(trace: Path) -> None:
    trace.write_text('{"traceEvents": []}')
    with pytest.raises(BadInput, match="holds no event"):
        read(trace)


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

    def noted(file: Path) -> subprocess.Popen[bytes] | None:
        process = start(file)
        assert process is not None
        started.append(process)
        return process

    monkeypatch.setattr(reading_ahead, "_start", noted)
    with pytest.raises(KeyboardInterrupt), reading_ahead.reading_ahead(trace):
        raise KeyboardInterrupt
    assert [one.returncode is not None for one in started] == [True]
