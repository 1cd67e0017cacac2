"""A service whose model has a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor


def prepare(request: int) -> int:
    return request + 1


def predict(inputs: int) -> tuple[int, int]:
    return inputs * 2, threading.get_ident()


def test_the_loop_s_thread_stays_free(
    handle: Callable[[int], Awaitable[tuple[int, int]]], worker: ThreadPoolExecutor
) -> None:
    async def serve() -> list[tuple[int, int]]:
        return list(await asyncio.gather(handle(1), handle(2)))

    answers = asyncio.run(serve())
    worker.shutdown()
    assert [answer for answer, _ in answers] == [4, 6]
    assert {thread for _, thread in answers} != {threading.get_ident()}
