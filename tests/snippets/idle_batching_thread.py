"""A queue that is filled while the model is busy."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


def test_it_waits_for_one_and_takes_what_is_there(
    next_batch: Callable[[queue.Queue[int], int], list[int]],
) -> None:
    waiting: queue.Queue[int] = queue.Queue()
    for number in range(5):
        waiting.put(number)
    assert next_batch(waiting, 4) == [0, 1, 2, 3]
    assert next_batch(waiting, 4) == [4]
    later = threading.Timer(0.01, waiting.put, (5,))
    later.start()
    assert next_batch(waiting, 4) == [5]
    later.join()
