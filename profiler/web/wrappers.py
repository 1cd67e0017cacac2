"""What web servers and frameworks call for each request, wrapped: so it is one of ours unmarked.

By the words of ``entry_points.json``. Whatever wrapper comes first begins the request, and those
within leave it alone; the program's own middleware among them still has its say (``Options``).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any

from infprof.profiler.request import is_open, serving
from infprof.profiler.web.exchange import Exchange, FoundExchange
from infprof.profiler.web.hand_over import handing_over
from infprof.profiler.web.kernel_wait import waited_in_kernel
from infprof.profiler.web.wsgi import Environ, WSGIMiddleware
from infprof.profiler.wrapping import hide_own_frame, wrap

Original = Callable[..., Any]


class _WSGI(WSGIMiddleware):
    exchange = FoundExchange


def counts() -> bool:
    """Whether a server's requests are ours: it runs already, and marks none itself. A program that
    we started may have a server beside what it is there for, as for its own metrics."""
    session = serving()
    return session is not None and session.joined and not session.is_marked


def _asgi(original: Original) -> Original:
    from infprof.profiler.web import asgi_wrappers  # asyncio, which not every program imports

    return asgi_wrappers.application(original)


def _runs_asgi(original: Original) -> Original:
    from infprof.profiler.web import asgi_wrappers

    return asgi_wrappers.runner(original)


def _wsgi(original: Original) -> Original:
    """An application's ``__call__``."""

    @functools.wraps(original)
    def call(app: Any, environ: Environ, start_response: Original) -> Any:
        inner = functools.partial(original, app)
        try:
            return (_WSGI(inner) if counts() else inner)(environ, start_response)
        except BaseException as error:
            hide_own_frame(error)
            raise

    return call


def _runs_wsgi(original: Original) -> Original:
    """A server's method that is given the application."""

    @functools.wraps(original)
    def call(server: Any, app: Any) -> Any:
        try:
            return original(server, _WSGI(app) if counts() else app)
        except BaseException as error:
            hide_own_frame(error)
            raise

    return call


def _answers(original: Original) -> Original:
    """A server's method that answers a request that it has read: one of its arguments."""

    @functools.wraps(original)
    def call(*given: Any, **named: Any) -> Any:
        try:
            if is_open() or not counts():
                return original(*given, **named)
            method = next((one.method for one in given if hasattr(one, "method")), None)
            with _exchange(method, _connection_in(given)):
                return original(*given, **named)
        except BaseException as error:
            hide_own_frame(error)
            raise

    return call


def _begun(method: object, connection: object, reading_since_ns: int) -> Exchange:
    """Begin a request; it came before its thread turned to reading it, or meanwhile."""
    waited = waited_in_kernel(connection)
    at_it = min(waited, perf_counter_ns() - reading_since_ns)
    exchange = FoundExchange(method)
    exchange.begin(waited - at_it, at_it_ns=at_it)
    exchange.resume()
    return exchange


def _connection_in(given: tuple[Any, ...]) -> object:
    """The client's socket, of a method's arguments; one that listens comes before it."""
    sockets = (getattr(one, "sock", one) for one in reversed(given))
    return next((one for one in sockets if hasattr(one, "getsockopt")), None)


@contextmanager
def _exchange(method: object, connection: object) -> Iterator[None]:
    exchange, failed = _begun(method, connection, perf_counter_ns()), True
    try:
        yield
        failed = False
    finally:
        exchange.end(failed)


class _Read(threading.local):
    will_end = False
    """Whether this thread is within ``handle_one_request``; servers may do without it."""
    since_ns = 0
    """When it turned to reading a request."""
    exchange: Exchange | None = None
    """Of the request that it has read and not answered yet."""


_read = _Read()


def _has_read(original: Original) -> Original:
    """The standard library's ``parse_request``: before it the server waits for the request."""

    @functools.wraps(original)
    def call(handler: Any) -> Any:
        is_sound = original(handler)
        if is_sound and _read.will_end and counts() and not is_open():
            _read.exchange = _begun(handler.command, handler.connection, _read.since_ns)
        return is_sound

    return call


@contextmanager
def _until_answered() -> Iterator[None]:
    _read.will_end = failed = True
    _read.since_ns = perf_counter_ns()
    try:
        yield
        failed = False
    finally:
        exchange, _read.exchange, _read.will_end = _read.exchange, None, False
        if exchange is not None:
            exchange.end(failed)


def _has_answered(original: Original) -> Original:
    """The standard library's ``handle_one_request``."""
    return wrap(original, _until_answered)


WRAPPERS: dict[str, Callable[[Original], Original]] = {
    "hand-over": handing_over,
    "ASGI": _asgi,
    "runs ASGI": _runs_asgi,
    "WSGI": _wsgi,
    "runs WSGI": _runs_wsgi,
    "answers": _answers,
    "has read": _has_read,
    "has answered": _has_answered,
}
