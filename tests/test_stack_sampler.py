"""Samples of real threads: where they are, what they wait for, and no trace of the sampler."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infprof.profiler import stack_sampler
from infprof.profiler.call_tree import open_tree
from infprof.profiler.session_files import SampledStacks, read_stacks
from infprof.profiler.stack_sampler import StackSampler, native_id
from infprof.profiler.stacks import State
from infprof.profiler.thread_state import PATIENT, UNKNOWN, ThreadStates


@contextmanager
def sampling(
    folder: Path, on_tick: Callable[[], None] = lambda: None, patience: int = 5
) -> Iterator[StackSampler]:
    """At full pace; at the end of the block the sampler kept house ``patience`` times, once in five
    samples."""
    looked = threading.Event()
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count >= patience:
            looked.set()
        on_tick()

    sampler = StackSampler(folder, open_tree(folder), threading.Lock(), tick)
    sampler.serving = True
    sampler.start()
    try:
        yield sampler
        assert looked.wait(20) or sampler.failure
    finally:
        sampler.stop()


def states_in(read: SampledStacks, function: str) -> set[State]:
    """Those of samples with this function on the stack."""
    calls = read.calls.build()
    return {
        State(state)
        for _, _, call, state in read.rows.tolist()
        if any(calls.place(one).function.endswith(function) for one in calls.path(call))
    }


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    switch, callbacks, threads = sys.getswitchinterval(), list(gc.callbacks), threading.enumerate()
    was_on = gc.isenabled()
    yield
    assert abs(sys.getswitchinterval() - switch) < 1e-6
    assert gc.callbacks == callbacks and threading.enumerate() == threads
    assert gc.isenabled() is was_on


def test_threads_are_found_in_what_they_do(tmp_path: Path) -> None:
    event = threading.Event()

    def wait_for_event() -> None:
        event.wait(20)

    def sleep_a_while() -> None:
        while not event.is_set():
            time.sleep(0.01)

    threads = [threading.Thread(target=one) for one in (wait_for_event, sleep_a_while)]
    for thread in threads:
        thread.start()
    with sampling(tmp_path):
        pass
    event.set()
    for thread in threads:
        thread.join()
    read = read_stacks(tmp_path)
    assert set(read.rows[:, 1].tolist()) >= {thread.native_id for thread in threads}
    if states_in(read, "wait_for_event") != {State.UNKNOWN}:  # the kernel tells
        assert State.LOCK in states_in(read, "wait_for_event")
        assert State.SLEEP in states_in(read, "sleep_a_while")
    assert sorted(read.rows[:, 0].tolist()) == read.rows[:, 0].tolist()


def test_python_that_runs_alone_is_running(tmp_path: Path) -> None:
    def spin() -> None:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            sum(range(50))

    with sampling(tmp_path, patience=5):
        spin()
    found = states_in(read_stacks(tmp_path), "spin")
    assert found and found <= {State.RUNNING, State.GIL, State.UNKNOWN}


def test_the_sampler_sees_neither_itself_nor_us(tmp_path: Path) -> None:
    with sampling(tmp_path):
        names = {thread.name for thread in threading.enumerate()}
    calls = read_stacks(tmp_path).calls.build()
    assert not any(calls.place(call).file == stack_sampler.__file__ for call in range(len(calls)))
    assert not any("infprof" in name for name in names)


def test_a_switch_interval_of_the_programs_own_is_kept(tmp_path: Path) -> None:
    usual = sys.getswitchinterval()
    try:
        with sampling(tmp_path):
            sys.setswitchinterval(0.002)
        assert abs(sys.getswitchinterval() - 0.002) < 1e-6
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.parametrize(("rivals", "in_a_hurry"), [(1, True), (2, False)])
def test_only_a_thread_that_runs_alone_is_interrupted_in_a_hurry(
    rivals: int, in_a_hurry: bool, tmp_path: Path
) -> None:
    over, seen = threading.Event(), list[float]()

    def spin() -> None:
        while not over.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=spin) for _ in range(rivals)]
    for thread in threads:
        thread.start()
    with sampling(tmp_path, lambda: seen.append(sys.getswitchinterval())):
        pass
    over.set()
    for thread in threads:
        thread.join()
    assert (seen[-1] < 0.001) is in_a_hurry


def test_a_lock_of_the_programs_own_is_not_the_interpreters(tmp_path: Path) -> None:
    lock, over, states = threading.Lock(), threading.Event(), ThreadStates()

    def wait_for_turn() -> None:
        with lock:
            pass

    def spin() -> None:
        while not over.is_set():
            sum(range(1000))

    waiter, spinner = threading.Thread(target=wait_for_turn), threading.Thread(target=spin)
    with lock:
        waiter.start()
        assert waiter.native_id is not None
        while states.of(waiter.native_id) not in (PATIENT, UNKNOWN):
            pass
        spinner.start()
        with sampling(tmp_path):
            pass
        over.set()
        spinner.join()
    waiter.join()
    found = states_in(read_stacks(tmp_path), "wait_for_turn")
    assert found and found <= {State.LOCK, State.UNKNOWN}


def test_who_used_the_cpu_had_the_interpreter(tmp_path: Path) -> None:
    sampler = StackSampler(tmp_path, open_tree(tmp_path), threading.Lock(), lambda: None)
    used = {1: 0, 2: 0}
    setattr(sampler._states, "worked_ns", used.__getitem__)  # noqa: B010
    assert sampler._owner([2]) == 2
    assert {sampler._owner([1, 2]) for _ in range(50)} == {1, 2}  # nothing tells
    owners = []
    for _ in range(50):
        used[2] += 1000
        owners.append(sampler._owner([1, 2]))
    assert owners == [2] * 50
    sampler.stop()


def test_a_forked_childs_main_thread_has_the_kernels_new_number() -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(write, "w") as told:
            told.write(f"{native_id(threading.current_thread())} {threading.get_native_id()}")
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as heard:
        known, kernels = heard.read().split()
    os.waitpid(child, 0)
    assert known == kernels == str(child)


def test_a_failure_is_noted_and_ends_the_sampling(tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError("ours")

    with sampling(tmp_path, fail, patience=1) as sampler:
        pass
    assert sampler.failure == "ZeroDivisionError: ours"


def test_a_pause_and_on_again(tmp_path: Path) -> None:
    with sampling(tmp_path) as sampler:
        assert sampler.pause() and sampler.pause()
        sampler.start()
    sampler.stop()


def test_it_ends_by_itself_after_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_sampler, "PACE", ((3, 1_000_000),))
    with sampling(tmp_path, patience=2) as sampler:
        pass
    assert sampler.ticks == 3


def test_a_program_that_is_mostly_in_its_model_is_sampled_seldom(tmp_path: Path) -> None:
    sampler = StackSampler(tmp_path, open_tree(tmp_path), threading.Lock(), lambda: None)
    sampler.serving = True
    sampler.ticks, sampler._outside = 101, 3
    assert sampler._interval() == stack_sampler.SELDOM_NS
    sampler._outside = 20
    assert sampler._interval() == stack_sampler.PACE[0][1]
    sampler.stop()


def test_waits_of_idle_threads_are_not_outside_of_a_model(tmp_path: Path) -> None:
    """The main thread waits here as a pool's worker does between two tasks."""
    sampler = StackSampler(tmp_path, open_tree(tmp_path), threading.Lock(), lambda: None)
    waits, end = threading.Event(), time.monotonic() + 20

    def look() -> None:
        while time.monotonic() < end and not waits.is_set():
            sampler._look(False)
            if not sampler._is_outside:
                waits.set()

    watcher = threading.Thread(target=look, name="infprof-test")
    watcher.start()
    assert waits.wait(20)
    watcher.join()
    sampler.stop()
