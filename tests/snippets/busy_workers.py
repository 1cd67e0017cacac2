"""A service of FastAPI or Starlette at its start, and a queue."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio.to_thread


def test_more_threads_may_wait(
    lifespan: Callable[[None], AbstractAsyncContextManager[None]],
) -> None:
    async def start() -> float:
        async with lifespan(None):
            return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert anyio.run(start) == 80


def test_one_owner_takes_all_that_waits(
    next_batch: Callable[[queue.Queue[int], int], list[int]], waiting: queue.Queue[int]
) -> None:
    for number in range(3):
        waiting.put_nowait(number)
    assert next_batch(waiting, 2) == [0, 1] and next_batch(waiting, 2) == [2]
    assert waiting.maxsize == 64
