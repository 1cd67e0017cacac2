"""Runs something in a thread of its own, and waits for it, whatever signals come meanwhile."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections.abc import Callable


def in_other_thread(work: Callable[[], object]) -> None:
    """Raises what ``work`` raised; else, once it has ended, what a signal's handler did."""
    ended, raised, is_over = allocate_lock(), list[BaseException](), list[bool]()
    ended.acquire()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # for the thread that waits
            raised.insert(0, error)
        finally:
            is_over.append(True)
            ended.release()

    # not a threading.Thread: the program would find one more of those than it made
    start_new_thread(run, ())
    while not is_over:
        try:
            ended.acquire()
        except BaseException as error:  # a KeyboardInterrupt, or what a handler raises
            raised.append(error)
    if raised:
        raise raised[0]
