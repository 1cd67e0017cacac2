"""A queue with more in it than a batch may hold."""

from __future__ import annotations

import queue
from collections.abc import Callable

VALUES = [{"most": 3}]


def test_no_batch_is_larger(next_batch: Callable[[queue.Queue[int]], list[int]]) -> None:
    waiting: queue.Queue[int] = queue.Queue()
    for number in range(4):
        waiting.put(number)
    assert next_batch(waiting) == [0, 1, 2] and next_batch(waiting) == [3]
