"""The py-spy program: found, started, ended in time, and its complaints in one plain reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infprof.profiler.probes import py_spy
from infprof.profiler.probes.py_spy import LOWEST_RATE, RATE, PySpy, find, may_be_traced

SAYS_IT_SAMPLES = 'echo "py-spy> Sampling process 100 times a second"'


def program(folder: Path, script: str) -> str:
    """A program in py-spy's place. Its last argument but options is where to write: ``$7``."""
    file = folder / "py-spy"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o700)
    return str(file)


def spy(folder: Path, script: str) -> PySpy:
    return PySpy(program(folder, script), folder / "out.json")


def to_its_end(one: PySpy, patience_s: float = 20) -> PySpy:
    """Let it end by itself."""
    deadline = time.monotonic() + patience_s
    while one.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    one.end(0)
    return one


def test_it_is_found_beside_python_and_then_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path, beside = tmp_path / "bin", tmp_path / "venv"
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    assert find() is None
    on_path.mkdir()
    beside.mkdir()
    second = program(on_path, "")
    assert find() == second
    first = program(beside, "")
    assert find() == first
    (beside / "py-spy").chmod(0o600)
    assert find() == second


def test_what_it_wrote_is_there_after_its_end(tmp_path: Path) -> None:
    one = spy(
        tmp_path, f'{SAYS_IT_SAMPLES}; [ "$1 $2 $3 $4" = "record --pid 42 --output" ]\n: > "$5"'
    )
    one.start(42, 1)
    to_its_end(one)
    assert (one.status, one.failure(), one.output.exists()) == (0, None, True)
    assert one.started_ns < one.begun_ns <= one.ended_ns
    assert one.cost_ns > 0 and not one.is_running()


def test_processes_share_the_rate(tmp_path: Path) -> None:
    for processes, rate in ((1, RATE), (4, RATE // 4), (1000, LOWEST_RATE)):
        one = spy(tmp_path, 'echo "$@" >&2; exit 1')
        one.start(1, processes)
        to_its_end(one)
        assert one.rate == rate


def test_it_writes_when_it_is_asked_to(tmp_path: Path) -> None:
    """Also where the launcher holds its own signals, as ``infprof run`` does."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        one = spy(tmp_path, f"trap 'echo [] > \"$5\"; exit 0' INT; {SAYS_IT_SAMPLES}\n"
                            "while :; do sleep 0.01; done")  # fmt: skip
        one.start(1, 1)
        while one.is_running() and not one.begun_ns:
            time.sleep(0.005)
        one.end(20)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    assert one.failure() is None and one.output.read_text() == "[]\n"


def test_one_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    one = spy(tmp_path, f"trap '' INT; {SAYS_IT_SAMPLES}; exec sleep 600")
    one.start(1, 1)
    while one.is_running() and not one.begun_ns:
        time.sleep(0.005)
    began = time.monotonic()
    one.end(0.1)
    assert time.monotonic() - began < 5
    assert one.failure() == "py-spy was ended by signal 9"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo "Permission Denied: Try running again with sudo"', py_spy.RESTRICTED),
        ('echo "Error: Operation not permitted (os error 1)"', py_spy.RESTRICTED),
        ('echo "error: \\"chrometrace\\" isn\'t a valid value for --format"', "too old"),
        ('echo "Error: No python processes found in process 1"', "found no Python"),
        ('echo "x"; echo "Error: it rains"; echo "Stack backtrace:"', "failed: Error: it rains"),
        (":", "ended without a word"),
        ("kill -9 $$", "ended by signal 9"),
        ("kill -2 $$; sleep 0.1", "before py-spy had begun"),
    ],
)
def test_complaints_become_one_reason(tmp_path: Path, script: str, reason: str) -> None:
    one = spy(tmp_path, f"({script}) >&2\n{script}; exit 1")
    one.start(1, 1)
    to_its_end(one)
    failure = one.failure()
    assert failure is not None and reason in failure and "\n" not in failure


def test_a_lot_of_talk_does_not_block_it(tmp_path: Path) -> None:
    one = spy(tmp_path, "head -c 1000000 /dev/zero; echo; echo Error: the end; exit 1")
    one.start(1, 1)
    to_its_end(one)
    assert one.failure() == "py-spy failed: Error: the end"


def test_one_that_grows_is_asked_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(py_spy, "MOST_MEMORY_BYTES", 1)
    one = spy(tmp_path, f"trap ': > \"$5\"; exit 0' INT; {SAYS_IT_SAMPLES}\n"
                        "while :; do sleep 0.01; done")  # fmt: skip
    one.start(1, 1)
    while one.is_running() and not one.begun_ns:
        time.sleep(0.005)
    one.stay_small()
    assert to_its_end(one).failure() is None


@pytest.fixture
def other() -> Iterator[int]:
    """A process of this user."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_who_may_be_traced(other: int) -> None:
    assert may_be_traced(other) and may_be_traced(os.getpid())
    assert may_be_traced(2**22 + 7)  # there is none: another answer is for others to give
