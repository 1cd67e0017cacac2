"""A result that another thread hands over, and work that waits in a queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

results: list[int] = []


def test_the_result_is_waited_for(
    finish: Callable[[int], None], wait_for_result: Callable[[], int]
) -> None:
    thread = threading.Thread(target=finish, args=(7,))
    thread.start()
    assert wait_for_result() == 7
    thread.join()


def test_a_batch_is_what_waits(
    next_batch: Callable[[queue.Queue[int], int], list[int]],
) -> None:
    waiting = queue.Queue[int]()
    for number in range(5):
        waiting.put(number)
    assert [next_batch(waiting, 3), next_batch(waiting, 3)] == [[0, 1, 2], [3, 4]]
