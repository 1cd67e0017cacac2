"""Work for another process, and an application that ends its server as soon as it runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor

FILES = {
    "serve.py": """\
import os
import signal

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        os.kill(os.getppid(), signal.SIGTERM)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
""",
}

PROGRAM = "uvicorn.run"


def python_work(batch: list[int]) -> int:
    return sum(batch)


def test_the_work_is_done_elsewhere(
    background: Callable[[list[int]], Future[int]], helper: ProcessPoolExecutor
) -> None:
    assert background([1, 2, 3]).result(timeout=60) == 6
    helper.shutdown()
