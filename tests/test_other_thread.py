"""Work in another thread is waited for to its end, whatever comes."""

from __future__ import annotations

import _thread
import os
import signal
import threading

import pytest

from infprof.profiler.other_thread import in_other_thread


def test_it_runs_elsewhere_and_is_waited_for() -> None:
    seen = list[int]()
    in_other_thread(lambda: seen.append(threading.get_ident()))
    assert seen and seen[0] != threading.get_ident()


def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        in_other_thread(lambda: 1 / 0)


def test_an_interrupt_comes_after_its_end() -> None:
    ended, interrupted = list[bool](), threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    def work() -> None:
        for _ in range(10):  # a signal just before the wait begins does not end that wait
            os.kill(os.getpid(), signal.SIGINT)
            if interrupted.wait(1):  # the main thread was, and waits on
                break
        ended.append(interrupted.is_set())

    usual = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            in_other_thread(work)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert ended == [True]


def test_an_interrupt_at_the_very_end_holds_nobody_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        in_other_thread(_thread.interrupt_main)  # seen as soon as the wait is over
        for _ in range(1000):
            pass
