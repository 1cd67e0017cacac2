"""What py-spy writes becomes rows, whatever part of it there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler import beats as beats_module
from infprof.profiler import py_spy_trace
from infprof.profiler.py_spy_trace import PySpyTrace, read

INTERVAL_NS = 10_000_000


class Spy:
    """Writes as py-spy 0.4 does: only what changed, one stack for each thread id of pthreads."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.stacks: dict[int, list[tuple[str, str, int]]] = {}

    def look(self, at_ms: float, process: int, thread: int, frames: str, key: int = 7) -> None:
        """``frames`` is ``file:line:function > ...`` from the outside."""
        new = [(f'process {process}:"python x.py"', "", 0), (f"thread ({thread}): Main", "", 0)]
        for text in frames.split(" > "):
            file, line, function = text.split(":")
            new.append((function, file, int(line)))
        old = self.stacks.get(key, [])
        same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
        same = min(len(old), len(new)) if same is None else same
        for phase, changed in (("E", old[same:][::-1]), ("B", new[same:])):
            for frame in changed:
                self.add(phase, at_ms, process, key, frame)
        self.stacks[key] = new

    def add(self, ph: str, at_ms: float, pid: int, key: int, frame: tuple[str, str, int]) -> None:
        name, file, line = frame
        where = {"filename": file, "line": line}
        self.events.append({"args": where, "cat": "py-spy", "name": name, "ph": ph, "pid": pid,
                            "tid": key, "ts": int(at_ms * 1000)})  # fmt: skip

    def text(self, end_ms: float) -> str:
        for key, stack in self.stacks.items():
            for frame in reversed(stack):
                self.add("E", end_ms, 1, key, frame)
        return json.dumps(self.events, separators=(",", ":")) + "\n"


def trace_of(folder: Path, text: str | bytes) -> PySpyTrace:
    file = folder / "stacks.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(file, INTERVAL_NS)


def shown(trace: PySpyTrace) -> list[tuple[float, int, int, str]]:
    calls = trace.calls.build()
    return [
        (time / 1e6, process, thread, calls.place(call).function)
        for time, process, thread, call in trace.rows
    ]


def test_a_long_gap_holds_rounds_that_found_no_change(tmp_path: Path) -> None:
    spy = Spy()
    spy.look(10, 5, 50, "/x.py:3:main > /x.py:9:work")
    spy.look(55, 5, 50, "/x.py:3:main > /x.py:20:rest")
    trace = trace_of(tmp_path, spy.text(70))
    assert shown(trace) == [
        (10.0, 5, 50, "work"), (20.0, 5, 50, "work"), (30.0, 5, 50, "work"),
        (40.0, 5, 50, "work"), (55.0, 5, 50, "rest"),
    ]  # fmt: skip
    assert (trace.end_ns, trace.cut, trace.names) == (70_000_000, None, {50: "Main"})
    calls = trace.calls.build()
    place = calls.place(trace.rows[0][3])
    assert (place.file, place.line, place.offset, place.is_user) == ("/x.py", 9, -1, True)
    assert [calls.place(call).function for call in calls.path(trace.rows[0][3])] == ["main", "work"]


def test_who_did_not_change_was_seen_in_the_round_of_who_did(tmp_path: Path) -> None:
    spy = Spy()
    spy.look(10, 5, 50, "/x.py:3:main", key=7)
    spy.look(10.1, 5, 51, "/x.py:9:work", key=8)
    spy.look(14, 5, 51, "/x.py:10:rest", key=8)
    assert shown(trace_of(tmp_path, spy.text(20))) == [
        (10.0, 5, 50, "main"), (10.0, 5, 51, "work"), (14.0, 5, 50, "main"), (14.0, 5, 51, "rest")
    ]  # fmt: skip


def test_threads_are_shown_as_long_as_they_were_there(tmp_path: Path) -> None:
    spy = Spy()
    spy.look(10, 5, 50, "/x.py:3:main", key=7)
    spy.look(10.1, 5, 51, "/x.py:9:work", key=8)
    file = tmp_path / "stacks.json"
    file.write_text(spy.text(100))
    rows = shown(read(file, INTERVAL_NS, {51: 45_000_000}))
    assert [row[0] for row in rows if row[2] == 51] == [10.0, 20.0, 30.0, 40.0]
    assert [row[0] for row in rows if row[2] == 50][-1] == 80.0


def test_forked_processes_share_a_thread_id_and_are_told_apart(tmp_path: Path) -> None:
    spy = Spy()
    for at in range(10, 60, 5):
        spy.look(at, 5, 5, "/x.py:3:main")
        spy.look(at + 0.02, 6, 6, "/x.py:4:child")
    rows = shown(trace_of(tmp_path, spy.text(60)))
    assert {row[1:] for row in rows} == {(5, 5, "main"), (6, 6, "child")}
    assert sum(row[1] == 5 for row in rows) == sum(row[1] == 6 for row in rows) == 10


def test_beats_are_seen_and_our_frames_are_not(tmp_path: Path) -> None:
    ours = beats_module.__file__
    sampler = str(Path(ours).with_name("stack_sampler.py"))
    spy = Spy()
    spy.look(10, 5, 51, f"/lib/threading.py:1:run > {sampler}:2:_loop > {ours}:3:beat_one")
    spy.look(30, 5, 51, f"/lib/threading.py:1:run > {sampler}:2:_loop > {ours}:3:beat_two")
    spy.look(10, 5, 50, "/x.py:3:beat_one", key=8)
    trace = trace_of(tmp_path, spy.text(60))
    assert trace.beats == [(10_000_000, 0), (30_000_000, 1)]
    assert trace.ours == {51}
    assert {row[3] for row in shown(trace)} == {"run", "beat_one"}


def many() -> str:
    spy = Spy()
    for step in range(200):
        spy.look(10 * step, 5, 50, f'/x.py:3:main > /x.py:{step}:}},{{"step{step}')
    return spy.text(2000)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1))
def test_any_part_of_the_output_gives_what_is_whole_in_it(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    text = many()
    part = text[: int(len(text) * share)]
    folder = tmp_path_factory.mktemp("part")
    whole, cut = trace_of(folder, text), trace_of(folder, part)
    assert len(whole.rows) == 200 and whole.cut is None
    assert shown(whole)[: len(cut.rows)] == shown(cut)
    if part.strip() != text.strip():
        assert cut.cut == "it is not whole"


def test_small_blocks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shown(trace_of(tmp_path, many()))
    monkeypatch.setattr(py_spy_trace, "BLOCK_BYTES", 1000)
    assert shown(trace_of(tmp_path, many())) == expected


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(py_spy_trace, "MOST_ROWS", 50)
    trace = trace_of(tmp_path, many())
    assert len(trace.rows) == 50
    monkeypatch.setattr(py_spy_trace, "MOST_ROWS", 10**6)
    monkeypatch.setattr(py_spy_trace, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(py_spy_trace, "MOST_BYTES", 5000)
    trace = trace_of(tmp_path, many())
    assert trace.cut == "it is too long" and 0 < len(trace.rows) < 200


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"[]\n", b"nonsense", b"[{}]", b"\xff\xfe", b"[" * 100_000, b'[{"ph":"E"}]',
     b'[{"args":{},"name":"f","ph":"E","pid":1,"tid":1,"ts":1}]',
     b'[{"args":{"filename":"x","line":null},"name":"f","ph":"B","pid":1,"tid":1,"ts":1}]',
     b'[{"args":{},"name":"f","ph":"B","pid":1,"tid":1,"ts":99999999999999999999999}]'],
)  # fmt: skip
def test_nonsense_gives_nothing(tmp_path: Path, text: bytes) -> None:
    assert trace_of(tmp_path, text).rows == []
