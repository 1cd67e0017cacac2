"""Calls that a request gives to a pool of threads: they still belong to it, and wait for a thread.

``asyncio.to_thread`` and anyio copy the context into the pool, ``loop.run_in_executor`` does not
(bpo-34014). All of asyncio's ways lead through ``ThreadPoolExecutor.submit``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from infprof.profiler.request import outermost, request
from infprof.profiler.web.exchange import Exchange
from infprof.profiler.wrapping import hide_own_frame

FUNCTION = {"submit": 1, "run_sync": 0}
"""Which argument of an entry point is the function."""


def handing_over(original: Callable[..., Any]) -> Callable[..., Any]:
    """An entry point of a pool of threads, whose calls carry the request along."""
    place = FUNCTION[original.__name__]

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        under_way = outermost()
        if under_way is None or len(args) <= place or not _is_told_apart(under_way):
            return original(*args, **kwargs)
        carried = Carried(args[place], under_way)
        return original(*args[:place], carried, *args[place + 1 :], **kwargs)

    return call


def _is_told_apart(one: request) -> bool:
    """Whether it is known what its own thread does for it: all, unless that runs an event loop for
    others, too."""
    asyncio = sys.modules.get("asyncio.events")
    return isinstance(one, Exchange) or asyncio is None or asyncio._get_running_loop() is None


class Carried:
    """A function that works for a request in another thread, once."""

    def __init__(self, function: Callable[..., Any], one: request) -> None:
        functools.update_wrapper(self, function)
        self._function, self._request = function, one
        self._given_ns = perf_counter_ns()
        one.hand_over()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        one, began = self._request, perf_counter_ns()
        if not one.is_open:
            return self._function(*args, **kwargs)
        one.waited("thread pool", self._given_ns, began)
        before = one.enter_context()
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            hide_own_frame(error)
            raise
        finally:
            one.leave_context(before)
            one.worked(began)
            one.take_back()
