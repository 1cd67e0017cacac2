"""A real session in this process: phases, windows at the gate, and marks that survive."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from infprof import annotate, request
from infprof.profiler import gate, marks, windows
from infprof.profiler.marks import BLOCK, MOST, WIDTH
from infprof.profiler.recording import Phase
from infprof.profiler.request import serve, serving
from infprof.profiler.schedule import Plan
from infprof.profiler.session import Session
from infprof.profiler.session_files import ENDED_AT_ONCE, read_marks
from tests.recorded import NO_WINDOWS, Recorded, read, recorded

EAGER = Plan(warmup=0, plain=0, window=3, windows=1)


def serve_some(count: int, size: int = 4) -> None:
    for _ in range(count):
        with request("serve"):
            torch.ones(size) + 1


def test_the_plan_is_followed_and_each_window_is_written(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        serve_some(40)
    expected = [Phase.COLD, *[Phase.WARMUP] * 2, *[Phase.PLAIN] * 2, *[Phase.TRACED] * 2]
    assert made.phases == [Phase.COLD, *[Phase.WARMUP] * 2, *[Phase.PLAIN] * 37]
    with recorded(tmp_path / "default", Plan()) as made:
        serve_some(40)
    assert made.phases[:7] == expected
    assert made.phases.count(Phase.TRACED) == 12
    assert len(made.done.header.windows) == 3
    assert made.done.header.missing.get("ops") is None


def test_traced_requests_lie_in_windows_and_others_outside(tmp_path: Path) -> None:
    with recorded(tmp_path, Plan()) as made:
        serve_some(40)
    assert_phases_are_true(made)


def assert_phases_are_true(made: Recorded) -> None:
    """A request is traced from end to end, or not at all."""
    table, spans = made.done.requests, made.done.header.windows
    assert spans
    for row, phase in enumerate(made.phases):
        start, end = int(table.start_ns[row]), int(table.end_ns[row])
        inside = any(window.start_ns <= start and end <= window.end_ns for window in spans)
        beside = all(end <= window.start_ns or window.end_ns <= start for window in spans)
        assert inside if phase == Phase.TRACED else beside


def test_threads_are_held_at_the_gate_and_never_traced_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "BUDGET_NS", 60_000_000_000)  # a busy host would spend the usual
    plan = Plan(warmup=2, plain=20, window=8, windows=4)
    threads = [threading.Thread(target=serve_some, args=(80, 2000)) for _ in range(8)]
    with recorded(tmp_path, plan) as made:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made.phases) == 640
    assert len(made.done.header.windows) == 4, made.done.header.notes
    assert "gate" not in {note.code for note in made.done.header.notes}
    assert_phases_are_true(made)


def test_a_window_closes_when_its_last_request_ends(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER) as made:
        serve_some(3)
        assert not made.session.windows.is_open and len(made.session.windows.done) == 1


def test_a_window_that_is_long_enough_ends_with_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "BUDGET_NS", 60_000_000_000)
    plan = Plan(warmup=0, plain=1, window=50, windows=3, window_seconds=1e-9)
    with recorded(tmp_path, plan) as made:
        serve_some(10)
    traced = [Phase.PLAIN, Phase.TRACED] * 3
    assert made.phases == [*traced, *[Phase.PLAIN] * 4]


def test_costly_windows_are_spread_over_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "BUDGET_NS", 0)
    monkeypatch.setattr(windows, "BUDGET_SHARE", 0.0)
    with recorded(tmp_path, Plan(warmup=0, plain=1, window=1, windows=5)) as made:
        serve_some(10)
        monkeypatch.setattr(windows, "BUDGET_SHARE", 1e9)
        serve_some(20)
    first = made.phases[:10]
    assert first.count(Phase.TRACED) == 1 and made.phases.count(Phase.TRACED) == 5


async def _overlapping(count: int) -> None:
    async def one() -> None:
        with request("task"):
            await asyncio.sleep(0)
            torch.ones(4) + 1

    await asyncio.gather(*(one() for _ in range(count)))


def test_tasks_of_one_loop_are_not_held(tmp_path: Path) -> None:
    """Waiting for a request of the same thread would be for nothing: the loop stands still."""
    with recorded(tmp_path, Plan(warmup=0, plain=2, window=3, windows=1)) as made:
        asyncio.run(_overlapping(10))
    table = made.done.requests
    assert int(table.end_ns.max() - table.start_ns.min()) < gate.SECONDS * 1e9
    assert made.phases == [Phase.PLAIN] * 10
    assert "overlapped" in made.done.header.missing["ops"]


def test_tasks_are_traced_once_a_moment_without_any_comes(tmp_path: Path) -> None:
    with recorded(tmp_path, Plan(warmup=0, plain=2, window=3, windows=1)) as made:
        for _ in range(3):
            asyncio.run(_overlapping(3))
    assert made.phases.count(Phase.TRACED) == 3
    assert "ops" not in made.done.header.missing
    assert_phases_are_true(made)


def test_a_request_that_never_ends_costs_a_window_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECONDS", 0.01)
    entered, leave = threading.Event(), threading.Event()

    def hang() -> None:
        with request("hangs"):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hang)
    with recorded(tmp_path, Plan(warmup=1, plain=1, window=1, windows=2)) as made:
        thread.start()
        entered.wait()
        serve_some(20)
        leave.set()
        thread.join()
    assert made.phases.count(Phase.PLAIN) == 20
    assert "no moment without a request under way" in made.done.header.missing["ops"]


def test_a_window_that_cannot_close_stays_open_and_holds_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECONDS", 0.01)
    entered, leave = threading.Event(), threading.Event()

    def hang() -> None:
        with request("hangs"):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hang)
    with recorded(tmp_path, Plan(warmup=0, plain=0, window=2, windows=1)) as made:
        thread.start()
        entered.wait()
        serve_some(50)
        leave.set()
        thread.join()
        assert not made.session.windows.is_open
        serve_some(1)
    assert made.phases == [*[Phase.TRACED] * 51, Phase.PLAIN]
    assert "longer than planned" in made.done.header.notes[0].text
    assert_phases_are_true(made)


def test_the_program_s_own_profiler_wins(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER) as made:
        with request("serve"):
            torch.ones(2) + 1
            with torch.autograd.profiler.profile() as own:
                torch.ones(3) + 1
        serve_some(5)
    assert "aten::add" in {event.name for event in own.function_events or []}
    assert made.phases[1:] == [Phase.PLAIN] * 5
    assert len(made.done.header.windows) == 1
    notes = {note.code: note.text for note in made.done.header.notes}
    assert "its own torch.profiler" in notes["kernels"]


def test_a_window_of_the_program_is_not_disturbed(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER) as made:
        with torch.autograd.profiler.profile() as own:
            serve_some(5)
    assert len([1 for event in own.function_events or [] if event.name == "aten::add"]) == 5
    assert made.phases == [Phase.PLAIN] * 5
    assert "its own torch.profiler" in made.done.header.missing["ops"]


def test_a_forked_child_marks_nothing_and_may_exit(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER) as made:
        with request("serve"), annotate("x"):
            child = os.fork()
            if child == 0:
                serve_some(3 * BLOCK // WIDTH, 1)
                os._exit(7 if serving() is None else 8)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        serve_some(1)
    assert len(made.phases) == 2 and made.ranges == [(None, "x")]
    notes = {note.code: note.text for note in made.done.header.notes}
    assert "forked" in notes["fork"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The files of a session with 4 requests and 4 ranges of different names."""
    with recorded(tmp_path):
        for number in range(4):
            with request(f"serve {number}"), annotate(f"é {number}", stage="io"):
                pass
    return tmp_path / "raw"


def test_marks_survive_being_cut_at_any_byte(raw: Path) -> None:
    whole, pairs = read_marks(raw)
    data = (raw / "marks.bin").read_bytes()
    assert len(whole) == 8 and len(data) == 8 * WIDTH * 8
    for cut in range(len(data)):
        (raw / "marks.bin").write_bytes(data[:cut])
        rows, _ = read_marks(raw)
        assert np.array_equal(rows, whole[: cut // (WIDTH * 8)])


def test_names_survive_being_cut_at_any_byte(raw: Path) -> None:
    whole, pairs = read_marks(raw)
    data = (raw / "marks.keys").read_bytes()
    for cut in range(max(len(data) - 400, 0), len(data)):  # a process keeps the keys of all tests
        (raw / "marks.keys").write_bytes(data[:cut])
        rows, names = read_marks(raw)
        assert names == pairs[: len(names)]
        assert np.array_equal(rows, whole[whole[:, 0] < len(names)])


@pytest.mark.parametrize("missing", ["marks.bin", "marks.keys", "session.json"])
def test_a_missing_file_is_a_reason(missing: str, raw: Path) -> None:
    (raw / missing).unlink()
    recording = read(raw)
    assert "requests" in recording.header.missing
    assert len(recording.requests) == (4 if missing == "session.json" else 0)


def test_what_a_kill_leaves_is_a_recording_with_a_reason(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER):
        serve_some(4)
        killed = read(tmp_path / "raw")
    assert len(killed.header.windows) == 1
    assert ENDED_AT_ONCE[1:] in {note.text for note in killed.header.notes}.pop()


def test_a_kill_before_the_first_request_is_not_called_a_program_without_requests(
    tmp_path: Path,
) -> None:
    with recorded(tmp_path):
        killed = read(tmp_path / "raw")
    assert "decorate" not in killed.header.missing["requests"]
    assert ENDED_AT_ONCE in killed.header.missing["requests"]


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """A long collection is a mark too."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
def test_a_million_requests_stay_bounded_in_memory_and_on_disk(tmp_path: Path) -> None:
    session = Session(tmp_path, NO_WINDOWS)
    session.start()
    serve(session)
    try:
        longest = 0
        for number in range(MOST + 50_000):
            with request():
                pass
            if number % 1000 == 0:
                longest = max(longest, len(session.marks))
    finally:
        serve(None)
        session.finish()
    assert longest <= BLOCK and session.marks == []
    assert (tmp_path / "marks.bin").stat().st_size == MOST * WIDTH * 8
    facts = json.loads((tmp_path / "session.json").read_text())
    assert facts["dropped_marks"] == 50_000 and facts["requests_seen"] == MOST + 50_000
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 41_000_000


def test_a_full_disk_costs_the_marks_and_nothing_else(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        made.session.file.rows.close()
        made.session.file.rows = open("/dev/full", "ab", buffering=0)
        serve_some(10 * BLOCK // WIDTH, 1)
        assert len(made.session.marks) <= BLOCK
    notes = {note.code: note.text for note in made.done.header.notes}
    assert "could not be written" in notes["disk"]


class _Short:
    """A file on a disk with room for 100 bytes."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab", buffering=0)
        self.truncate, self.close = self.file.truncate, self.file.close

    def write(self, data: bytes) -> int:
        return self.file.write(data[:100])


def test_a_disk_that_fills_up_leaves_whole_marks(tmp_path: Path) -> None:
    file = marks.MarkFile(tmp_path)
    file.write(list(range(2 * WIDTH)))
    file.rows.close()
    file.rows = _Short(tmp_path / "marks.bin")  # type: ignore[assignment]
    with pytest.raises(OSError, match="full"):
        file.write(list(range(9 * WIDTH)))
    file.close()
    assert (tmp_path / "marks.bin").stat().st_size == 2 * WIDTH * 8


def test_finishing_twice_and_marking_afterwards_is_harmless(tmp_path: Path) -> None:
    with recorded(tmp_path, EAGER) as made:
        with request("open"):
            made.session.finish()
            made.session.finish()
        serve_some(2)
    assert made.phases == []


def test_a_generator_left_open_does_not_keep_the_session_from_ending(tmp_path: Path) -> None:
    def stream() -> Iterator[int]:
        with request("stream"):
            yield 1

    items = stream()
    with recorded(tmp_path, EAGER) as made:
        next(items)
    assert len(made.done.header.windows) == 1
    items.close()  # type: ignore[attr-defined]
