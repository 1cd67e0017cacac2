"""Child processes are sampled by the real py-spy, and whatever happens to it the run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infprof.profiler.assemble import assemble
from infprof.profiler.beats import Beats
from infprof.profiler.collectors import Facts, Spied, Target, Unavailable, stacks
from infprof.profiler.collectors.stacks import MISSING, Collector
from infprof.profiler.probes.py_spy import RESTRICTED, find, may_be_traced
from infprof.profiler.py_spy_trace import PySpyTrace
from infprof.profiler.recording import Recording, Subject
from infprof.profiler.session_files import SampledStacks, read_beats, read_stacks
from infprof.profiler.stack_join import join
from infprof.profiler.stacks import CallsBuilder, Place, State
from tests.programs import INFPROF, start, write

POOL = """
import multiprocessing, sys, time
import torch

def begin():
    global model
    torch.set_num_threads(1)
    model = torch.nn.Linear(300, 300)

def serve(number):
    end = time.perf_counter() + 0.1
    with torch.no_grad():
        while time.perf_counter() < end:
            model(torch.ones(500, 300))
    return number

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2, begin) as pool:
        print(sum(pool.map(serve, range(40), chunksize=1)))
"""

FORKS = """
import os, sys, time
if os.fork() == 0:
    def crunch():
        while True:
            pass
    def rest():
        time.sleep(600)
    import threading
    threading.Thread(target=rest, daemon=True).start()
    crunch()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""


def ask(found: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not found, reason="py-spy is not here, or may not look")


with_py_spy = ask(find() is not None and may_be_traced(os.getpid()))


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program with a child process that is busy."""
    program = subprocess.Popen(
        [sys.executable, write(tmp_path, FORKS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert program.stdout is not None and program.stdin is not None
    assert program.stdout.readline() == b"ready\n"
    yield program
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    program.stdin.close()
    program.stdout.close()


def until_sampling(collector: Collector, seconds: float = 30) -> None:
    """Wait until py-spy has looked for a while."""
    assert collector.sampling.wait(seconds)
    assert collector._spy is not None
    deadline = time.monotonic() + seconds
    while not collector._spy.begun_ns and collector._spy.status is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@with_py_spy
def test_children_are_seen_with_what_they_wait_for(forking: subprocess.Popen[bytes]) -> None:
    collector = Collector()
    collector.start(Target(forking.pid))
    until_sampling(collector)
    time.sleep(1)
    began = time.monotonic()
    facts = collector.stop()
    assert time.monotonic() - began < 4
    assert facts.stacks is not None and facts.missing == {} and facts.notes == []
    trace = facts.stacks.trace
    own = SampledStacks(np.empty((0, 4), np.int64), CallsBuilder(), [])
    joined = join(facts.stacks, own, np.empty((0, 2), np.int64), forking.pid, None)
    calls = own.calls.build()
    caught = Counter(
        (calls.place(call).function, State(state).name)
        for _, thread, call, state in joined.rows
        if joined.lanes[thread].process != forking.pid
    )
    assert caught["crunch", "RUNNING"] > 10 and caught["rest", "SLEEP"] > 10
    assert facts.stacks.cost_ns > 0 and trace.end_ns > 5 * 10**8
    low, high = facts.stacks.between
    assert low < high < low + 2 * 10**9 and joined.error_ns == (high - low) // 2


@with_py_spy
def test_py_spy_that_is_killed_is_a_reason(forking: subprocess.Popen[bytes]) -> None:
    collector = Collector()
    collector.start(Target(forking.pid))
    until_sampling(collector)
    assert collector._spy is not None and collector._spy._process is not None
    collector._spy._process.kill()
    facts = collector.stop()
    assert facts == Facts(missing={"py-spy": "py-spy was ended by signal 9"})
    assert forking.poll() is None


@with_py_spy
def test_no_child_no_py_spy() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alone:
        collector = Collector()
        collector.start(Target(alone.pid))
        assert not collector.sampling.wait(0.3)
        assert collector.stop() == Facts()
        alone.kill()


@with_py_spy
def test_a_program_that_ends_at_once() -> None:
    program = subprocess.Popen([sys.executable, "-c", ""])
    collector = Collector()
    try:
        collector.start(Target(program.pid, is_ours=False))
    except Unavailable as reason:
        assert "ended" in str(reason) or "no process" in str(reason)
        return
    finally:
        program.wait()
    began = time.monotonic()
    facts = collector.stop()
    assert time.monotonic() - began < 5
    assert facts.stacks is not None or facts.missing.keys() <= {"py-spy"}


RECORDS_ITSELF = """
import os, subprocess, sys
from infprof.profiler.collectors import Facts, Target
from infprof.profiler.collectors.stacks import INSIDE, Collector

collector = Collector()
collector.start(Target(os.getpid()))
assert collector.stop() == Facts()
with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
    collector.start(Target(os.getpid()))
    assert collector.stop() == Facts(missing={"py-spy": INSIDE})
    child.kill()
"""


def test_a_program_that_records_itself_starts_no_process() -> None:
    """In a process of its own: other tests may have left this one children."""
    subprocess.run([sys.executable, "-c", RECORDS_ITSELF], check=True, timeout=60)


def test_where_yama_restricts_the_launcher_is_let_in(tmp_path: Path) -> None:
    code = f"""
import ctypes, os
from pathlib import Path
from infprof.profiler import child
asked = []
class Libc:
    def prctl(self, *what):
        asked.append(what)
ctypes.CDLL = lambda _: Libc()
child.YAMA = Path({str(tmp_path / "scope")!r})
for scope in ("", "0", "2", "1"):
    child.YAMA.write_text(scope)
    child._let_launcher_look()
first = (child.PR_SET_PTRACER, os.getppid(), 0, 0, 0)
assert asked == [first], asked
if os.fork() == 0:
    os._exit(asked != [first, first])
assert os.wait()[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_no_program_and_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stacks, "find", lambda: None)
        with pytest.raises(Unavailable, match="not installed"):
            Collector().start(Target(os.getppid()))
    monkeypatch.setattr(stacks, "find", lambda: "/bin/true")
    with pytest.raises(Unavailable, match="no process"):
        Collector().start(Target(2**22 + 7))
    monkeypatch.setattr(stacks, "may_be_traced", lambda pid: False)
    with pytest.raises(Unavailable, match="ptrace is restricted"):
        Collector().start(Target(os.getppid()))


def test_a_program_that_is_not_py_spy_is_a_reason(
    forking: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stacks, "find", lambda: str(tmp_path))  # a folder
    collector = Collector()
    collector.start(Target(forking.pid))
    assert collector._thread is not None
    collector._thread.join()
    assert "PermissionError" in collector.stop().missing["py-spy"]


def test_output_cut_short_is_noted(
    forking: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "py-spy"
    fake.write_text('#!/bin/sh\necho "Sampling process"\nprintf \'[{"args":{\' > "$5"\n')
    fake.chmod(0o700)
    monkeypatch.setattr(stacks, "find", lambda: str(fake))
    collector = Collector()
    collector.start(Target(forking.pid))
    until_sampling(collector)
    facts = collector.stop()
    assert [note.code for note in facts.notes] == ["py-spy-cut"]
    assert facts.stacks is not None and facts.stacks.trace.rows == []


@with_py_spy
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_records_its_workers(tmp_path: Path, method: str) -> None:
    pytest.importorskip("torch")
    write(tmp_path, POOL)
    ran = start([*INFPROF, "run", "-o", "out", "script.py", method], tmp_path)
    assert (ran.code, ran.out) == (0, b"780\n"), ran.err.decode()
    recording = Recording.load(tmp_path / "out" / "recording")
    header, table = recording.header, recording.stacks
    assert "py-spy" not in header.missing
    found = Counter[int]()
    for lane, call in zip(table.lane.tolist(), table.call.tolist(), strict=True):
        path = {table.calls.place(one).function for one in table.calls.path(call)}
        if {"serve", "Linear.forward"} <= path:
            assert header.lanes[lane].name.startswith("process ")
            found[header.lanes[lane].process or 0] += 1
    assert len(found) == 2 and min(found.values()) > 5, found
    error = header.stack_error_ns or header.settings["child_stack_error_ns"]
    assert isinstance(error, int) and error < 50_000_000
    assert header.overhead_ns["py-spy"] > 0


def test_refusals_are_told(tmp_path: Path) -> None:
    recording = assemble(
        tmp_path, Subject(kind="run", name="x"), "1", {"stacks": MISSING, "host": "no"}
    )
    assert recording.header.missing["py-spy"] == MISSING
    facts = Facts(missing={"py-spy": RESTRICTED})
    recording = assemble(tmp_path, Subject(kind="run", name="x"), "1", {"stacks": facts})
    assert recording.header.missing["py-spy"] == RESTRICTED


# --- joining

MS = 1_000_000
OWN = 5


def spied(rows: list[tuple[int, int, int]], states: list[tuple[int, int, int]]) -> Spied:
    """Rows of (ms, process, thread), all in one call of the user's; states with times in ms."""
    trace = PySpyTrace(end_ns=10**9)
    call = trace.calls.add(-1, Place("/x.py", "work", 3))
    trace.rows = [(time * MS, process, thread, call) for time, process, thread in rows]
    known = [(1000 * MS + time * MS, thread, state) for time, thread, state in states]
    return Spied(trace, known, (999 * MS, 1001 * MS), 10 * MS, 1)


def own_rows(*rows: tuple[int, int]) -> SampledStacks:
    builder = CallsBuilder()
    builder.add(-1, Place("/x.py", "mine", 1, 4))
    table = np.array([(1000 * MS + ms * MS, thread, 0, 1) for ms, thread in rows], np.int64)
    return SampledStacks(table.reshape(-1, 4), builder, [0])


def joined_rows(
    other: Spied, own: SampledStacks, request_ns: int | None = None
) -> list[tuple[float, int, int, int]]:
    beats = np.empty((0, 2), np.int64)
    joined = join(other, own, beats, OWN, request_ns)
    assert joined.has_own == any(lane.process == OWN for lane in joined.lanes.values())
    return [
        ((time - 1000 * MS) / MS, joined.lanes[thread].process or 0, thread, state)
        for time, thread, _, state in joined.rows
    ]


def test_our_process_is_left_to_our_sampler_where_it_looked() -> None:
    own = own_rows((10, 50), (90, 50))
    other = spied([(20, OWN, 50), (20, OWN, 51), (200, OWN, 50), (20, 6, 60)], [])
    assert [row[:3] for row in joined_rows(other, own)] == [
        (20, OWN, 51), (200, OWN, 50), (20, 6, 60)
    ]  # fmt: skip


def test_our_process_is_left_out_where_times_are_too_unsure_for_its_requests() -> None:
    other = spied([(20, OWN, 51), (20, 6, 60)], [])
    assert joined_rows(other, own_rows(), 2 * MS) == [(20, 6, 60, State.UNKNOWN)]
    assert len(joined_rows(other, own_rows(), 20 * MS)) == 2


def test_threads_that_ended_are_not_shown_for_ever() -> None:
    states = [(time, 60, int(State.RUNNING)) for time in range(0, 100, 20)]
    other = spied([(time, 6, 60) for time in range(0, 1000, 100)], states)
    assert [row[0] for row in joined_rows(other, own_rows())] == [0, 100]


def test_a_thread_that_wants_the_interpreter_is_told_from_one_that_computes() -> None:
    locked, running = int(State.LOCK), int(State.RUNNING)
    alone = spied([(10, 6, 60)], [(10, 60, locked)])
    assert joined_rows(alone, own_rows())[0][3] == State.RUNNING
    both = spied([(10, 6, 60), (10, 6, 61)], [(10, 60, locked), (11, 61, running)])
    assert [row[3] for row in joined_rows(both, own_rows())] == [State.GIL, State.RUNNING]


def test_calls_of_both_are_one_tree() -> None:
    own = own_rows((10, 50))
    joined = join(spied([(20, 6, 60)], []), own, np.empty((0, 2), np.int64), OWN, None)
    calls = own.calls.build()
    assert [calls.place(row[2]).function for row in joined.rows] == ["work"]
    assert calls.place(0).function == "mine"


def test_beats_are_written_down(tmp_path: Path) -> None:
    beats = Beats(tmp_path)
    asked: list[float] = []

    def wait(seconds: float) -> bool:
        asked.append(seconds)
        time.sleep(seconds)
        return len(asked) >= 40

    while not beats.wait(wait, 0.01):
        pass
    beats.close()
    rows = read_beats(tmp_path)
    assert len(asked) == 40 and len(rows) >= 1
    assert set(rows[:, 1].tolist()) <= {0, 1} and (np.diff(rows[:, 1]) != 0).all()
    (tmp_path / "beats.bin").write_bytes((tmp_path / "beats.bin").read_bytes()[:-3])
    assert len(read_beats(tmp_path)) == len(rows) - 1


def test_code_made_twice_from_one_text_keeps_its_number(tmp_path: Path) -> None:
    row = '[-1, "<string>", "made", 1, 2, true]\n'
    (tmp_path / "calls.jsonl").write_text(row + row + '[1, "/x.py", "inner", 3, 4, true]\n')
    (tmp_path / "stacks.bin").write_bytes(np.array([7, 50, 2, 1], np.int64).tobytes())
    read = read_stacks(tmp_path)
    calls = read.calls.build()
    assert [calls.place(call).function for call in calls.path(int(read.rows[0, 2]))] == [
        "made",
        "inner",
    ]
