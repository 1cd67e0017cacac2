"""What the kernel says of a thread, as text and of real threads."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Callable

import pytest

from infprof.profiler import stacks, thread_state
from infprof.profiler.runtime_memory import runtime_memory
from infprof.profiler.thread_state import (
    IO,
    LOCK,
    PATIENT,
    RUNNING,
    SLEEP,
    UNKNOWN,
    ThreadStates,
    state_in,
)

X86 = platform.machine() == "x86_64"


def test_the_numbers_are_those_of_the_recording() -> None:
    for name in ("UNKNOWN", "RUNNING", "IO", "SLEEP", "LOCK"):
        assert getattr(thread_state, name) == stacks.State[name]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (b"running\n", RUNNING),
        (b"-1 0x7f 0x0\n", RUNNING),
        (b"", UNKNOWN),
        (b"garbage", UNKNOWN),
        (b"9999 0x0", UNKNOWN),
    ],
)
def test_words_of_any_kernel(text: bytes, state: int) -> None:
    assert state_in(text) == state


@pytest.mark.skipif(not X86, reason="numbers of x86")
@pytest.mark.parametrize(
    ("text", "state"),
    [
        (b"0 0x3 0x7f", IO),
        (b"45 0x3", IO),
        (b"61 0xffff", IO),
        (b"202 0x7f", LOCK),
        (b"202 0x7f 0x189 0x0 0x7ff8 0x0 0xffffffff 0x7ffc 0x7f\n", LOCK),
        (b"202 0x7f 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc 0x7f\n", PATIENT),
        (b"230 0x1", SLEEP),
        (b"23 0x0 0x0", SLEEP),
        (b"23 0x4 0x7f", IO),
        (b"270 0x0", SLEEP),
    ],
)
def test_calls_of_x86(text: bytes, state: int) -> None:
    assert state_in(text) == state


def _seen(act: Callable[[], object], release: Callable[[], object], wanted: int) -> bool:
    """Whether a thread in ``act`` is soon found in this state."""
    states, thread = ThreadStates(), threading.Thread(target=act, daemon=True)
    thread.start()
    assert thread.native_id is not None
    if states.of(thread.native_id) == UNKNOWN:
        pytest.skip("this kernel does not tell")
    deadline = time.monotonic() + 10
    try:
        while time.monotonic() < deadline:
            if states.of(thread.native_id) == wanted:
                return True
        return False
    finally:
        release()
        thread.join(10)


def test_a_thread_that_reads_a_pipe() -> None:
    read, write = os.pipe()
    assert _seen(lambda: os.read(read, 1), lambda: os.write(write, b"x"), IO)
    os.close(read)
    os.close(write)


def test_a_thread_that_waits_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    assert _seen(lock.acquire, lock.release, PATIENT)  # now that thread has it
    knows = any(runtime_memory())  # whose lock it is; else by its timeout alone
    assert _seen(lambda: lock.acquire(timeout=20), lock.release, PATIENT if knows else LOCK)


def test_a_thread_that_waits_for_the_interpreter() -> None:
    over = list[bool]()

    def compute() -> None:
        while not over:
            pass

    assert _seen(compute, lambda: over.append(True), LOCK)  # we hold it as we look


@pytest.mark.skipif(not X86, reason="numbers of x86")
def test_a_lock_is_the_interpreters_where_it_lies_in_its_memory() -> None:
    text = b"202 0x7f10 0x189 0x0 %b 0x0 0xffffffff"
    for timeout in (b"0x0", b"0x7ff8"):
        assert state_in(text % timeout, (0x7F00, 0x7F20)) == LOCK
        assert state_in(text % timeout, (0x7F00, 0x7F10)) == PATIENT
    assert state_in(text % b"0x7ff8") == LOCK


def test_where_the_interpreter_keeps_its_state() -> None:
    start, end = runtime_memory()
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        pytest.skip("known of CPython on Linux")
    assert 0 < end - start < 1 << 24


def test_a_thread_that_sleeps() -> None:
    assert _seen(lambda: time.sleep(0.2), lambda: None, SLEEP)


def test_a_thread_that_is_gone_and_no_file_left_open() -> None:
    states = ThreadStates()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    before = len(os.listdir("/proc/self/fd"))
    assert thread.native_id is not None
    while states.of(thread.native_id) != UNKNOWN:  # Python is done with it before the kernel is
        pass
    assert states.of(1 << 30) == UNKNOWN
    states.of(threading.get_native_id())
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_works_uses_cpu_time() -> None:
    states, own = ThreadStates(), threading.get_native_id()
    before, deadline = states.worked_ns(own), time.monotonic() + 20
    if before:  # the kernel tells
        while states.worked_ns(own) < before + 5_000_000:
            assert time.monotonic() < deadline
    assert states.worked_ns(2**22 + 7) == 0
