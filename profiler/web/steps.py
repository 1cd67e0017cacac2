"""The steps in which an event loop runs a request: between two of them the request waits.

asyncio's tasks run on one thread in turns. Whoever forwards each turn of a coroutine sees exactly
when the thread was its own. A factory of tasks does so for the tasks that a request starts, and
notes of every other one when it was made: a server makes one as soon as it has read a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import perf_counter_ns
from typing import Any

from infprof.profiler.request import serving
from infprof.profiler.web.exchange import Exchange, current


class Steps(Coroutine[Any, Any, Any]):
    """A coroutine, or another awaitable, whose steps are stints of a request."""

    __slots__ = ("_inner", "_exchange")

    def __init__(self, awaitable: Any, exchange: Exchange) -> None:
        self._inner = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
        self._exchange = exchange

    def send(self, value: Any) -> Any:
        """Run the next step."""
        if value is None and not hasattr(self._inner, "send"):  # a bare iterator, as in PEP 492
            return self._step(self._inner.__next__)
        return self._step(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """Run the next step with an exception."""
        return self._step(self._inner.throw, *error)

    def close(self) -> None:
        """Give up."""
        self._inner.close()

    def __await__(self) -> Steps:
        return self

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # ``cr_frame`` and what else tools ask a coroutine for

    def _step(self, go: Callable[..., Any], *given: Any) -> Any:
        if not self._exchange.resume():
            return go(*given)
        try:
            return go(*given)
        finally:
            self._exchange.pause()


class Arrival(asyncio.Task[Any]):
    """A task that knows since when it has been waiting for its first step."""

    made_ns: int | None = None
    """Forgotten after that step, for then it tells nothing."""


def _forget(task: Arrival) -> None:
    task.made_ns = None


def make_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """As asyncio makes it, and watched; puts itself away once nothing records."""
    if serving() is None:
        loop.set_task_factory(None)
        return asyncio.Task(work, loop=loop, **options)
    exchange = current()
    if exchange is not None:
        return asyncio.Task(Steps(work, exchange), loop=loop, **options)
    task = Arrival(work, loop=loop, **options)
    task.made_ns = perf_counter_ns()
    loop.call_soon(_forget, task)  # right behind the task's own first step
    return task


def watch_tasks() -> int:
    """Make the running loop's tasks from now on; how long the current one waited for its first
    step in ns, 0 where that is not known.

    A program with a factory of its own keeps it.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop of asyncio's
        return 0
    if task is None:
        return 0
    loop = task.get_loop()
    if loop.get_task_factory() is None:
        loop.set_task_factory(make_task)
    made_ns = task.made_ns if isinstance(task, Arrival) else None
    return 0 if made_ns is None else perf_counter_ns() - made_ns
