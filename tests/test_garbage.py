"""Pauses of the collector are noted, in nobody's way; and frames are read with none under way."""

from __future__ import annotations

import gc
import sys
import threading

import pytest

from infprof.profiler import garbage
from infprof.profiler.garbage import NAME, GarbageCollections, collection_postponed
from infprof.profiler.marks import RANGE, keys, this_thread


def test_a_pause_that_can_be_felt_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LEAST_NS", 0)
    marks = list[tuple[int, ...]]()
    before = list(gc.callbacks)
    collections = GarbageCollections(lambda *mark: marks.append(mark))
    collections.begin()
    gc.collect()
    collections.end()
    assert gc.callbacks == before
    key, start, end, thread, state = marks[0]
    assert (key, thread, state) == (keys["python", NAME], this_thread.id, RANGE)
    assert start <= end


def test_short_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LEAST_NS", 1 << 62)
    marks = list[object]()
    collections = GarbageCollections(lambda *mark: marks.append(mark))
    collections.begin()
    gc.collect()
    collections.end()
    collections.end()
    assert marks == []


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_put_back_as_it_was(enabled: bool) -> None:
    was, usual = gc.isenabled(), gc.get_threshold()
    try:
        gc.enable() if enabled else gc.disable()
        with collection_postponed():
            assert gc.isenabled() is enabled  # the program may ask meanwhile
            assert (gc.get_threshold()[0] == 0) is (sys.version_info < (3, 12))
        assert gc.get_threshold() == usual
        with pytest.raises(ZeroDivisionError), collection_postponed():
            raise ZeroDivisionError
        assert gc.get_threshold() == usual
    finally:
        gc.enable() if was else gc.disable()


def test_a_threshold_that_the_program_sets_meanwhile_stays() -> None:
    usual = gc.get_threshold()
    try:
        with collection_postponed():
            gc.set_threshold(123)
        assert gc.get_threshold()[0] == 123
    finally:
        gc.set_threshold(*usual)


def test_none_begins_while_frames_of_other_threads_are_read() -> None:
    """Until Python 3.11 that crashed: the callback lets the other thread's frame end."""
    if sys.version_info >= (3, 12):
        pytest.skip("collects between instructions only")
    ready, done = threading.Event(), threading.Event()

    def wait() -> None:
        ready.set()
        done.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(10)
    begun, usual = list[str](), gc.get_threshold()

    def called(phase: str, info: dict[str, int]) -> None:
        begun.append(phase)

    try:
        with collection_postponed():
            gc.callbacks.append(called)
            for frame in sys._current_frames().values():
                names = [frame.f_code.co_name, [[] for _ in range(5000)]]
                assert names
            gc.callbacks.remove(called)
            gc.set_threshold(*usual)
        assert begun == []
    finally:
        gc.set_threshold(*usual)
        done.set()
        thread.join()
