"""Calls that a request gives to a pool of threads: they still belong to it, and wait for a thread.

``asyncio.to_thread`` and anyio copy the context into the pool, ``loop.run_in_executor`` does not
(bpo-34014). All of asyncio's ways lead through ``ThreadPoolExecutor.submit``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from infprof.profiler.web.exchange import Exchange, current
from infprof.profiler.wrapping import hide_own_frame

FUNCTION = {"submit": 1, "run_sync": 0}
"""Which argument of an entry point is the function."""


def handing_over(original: Callable[..., Any]) -> Callable[..., Any]:
    """An entry point of a pool of threads, whose calls carry the request along."""
    place = FUNCTION[original.__name__]

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        exchange = current()
        if exchange is None or len(args) <= place:
            return original(*args, **kwargs)
        carried = Carried(args[place], exchange)
        return original(*args[:place], carried, *args[place + 1 :], **kwargs)

    return call


class Carried:
    """A function that works for a request in another thread, once."""

    def __init__(self, function: Callable[..., Any], exchange: Exchange) -> None:
        functools.update_wrapper(self, function)
        self._function, self._exchange = function, exchange
        self._given_ns = perf_counter_ns()
        exchange.hand_over()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        exchange, began = self._exchange, perf_counter_ns()
        if not exchange.is_open:
            return self._function(*args, **kwargs)
        exchange.waited("thread pool", self._given_ns, began)
        before = exchange.enter_context()
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            hide_own_frame(error)
            raise
        finally:
            exchange.leave_context(before)
            exchange.worked(began)
            exchange.take_back()
