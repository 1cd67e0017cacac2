"""``ASGIMiddleware``: each HTTP request of an ASGI application is a request of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from infprof.profiler.request import is_open, serving
from infprof.profiler.web.arrival import waited_since
from infprof.profiler.web.exchange import FAILS, Exchange, current
from infprof.profiler.web.options import Options
from infprof.profiler.web.server_timing import HEADER, header_value
from infprof.profiler.web.steps import Steps, watch_tasks
from infprof.profiler.wrapping import hide_own_frame

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ASGIMiddleware:
    """Wraps an ASGI application, as in ``app.add_middleware(infprof.ASGIMiddleware)``.

    A request lasts from when the server made a task for it until the last byte of its body was
    sent. ``Options`` says what the keywords do. Other scopes, and everything while nothing records,
    pass through untouched.
    """

    exchange = Exchange

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        server_timing: bool = False,
        server_timing_header: str | None = None,
        queue_header: str | None = None,
    ) -> None:
        self.app = app
        self.options = Options(server_timing, server_timing_header, queue_header)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not (self.options.may_tell or serving()):
            await self.app(scope, receive, send)
            return
        header, under_way = _Headers(scope), current()
        tells = self.options.tells(header)
        if under_way is not None:
            under_way.came(waited_since(self.options.arrival(header)))
            if tells:
                under_way.heard, send = [], _Sender(under_way, send)
        if is_open() or not (tells or serving()):
            await self.app(scope, receive, send)
            return
        exchange = self.exchange(scope.get("method"))
        exchange.heard = [] if tells else None
        in_loop_ns = self.waited_for_loop() if serving() is not None else 0
        in_front_ns = waited_since(self.options.arrival(header)) - in_loop_ns
        exchange.begin(max(in_front_ns, 0), in_loop_ns)
        try:
            await Steps(self.app(scope, receive, _Sender(exchange, send)), exchange)
        except BaseException as error:
            exchange.end(failed=True)
            hide_own_frame(error)
            raise
        exchange.end(failed=False)

    def waited_for_loop(self) -> int:
        """For how many nanoseconds the event loop has let the request's task wait."""
        return watch_tasks()


class _Headers:
    """Looks up a request's headers; what a client sent may be anything."""

    def __init__(self, scope: Message) -> None:
        self._rows = scope.get("headers") or ()

    def __call__(self, name: str) -> str | None:
        wanted = name.lower().encode("latin-1", "replace")
        found = (value for key, value in self._rows if key.lower() == wanted)
        value = next(found, None)
        return None if value is None else bytes(value).decode("latin-1")


class _Sender:
    """The ``send`` that the application gets."""

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self._exchange, self._send = exchange, send
        self._failed = False

    async def __call__(self, message: Message) -> None:
        kind, exchange = message["type"], self._exchange
        if kind == "http.response.start":
            self._failed = message["status"] >= FAILS
            if exchange.heard is not None:
                told = HEADER.lower().encode(), header_value(exchange).encode()
                message = {**message, "headers": [*message.get("headers", ()), told]}
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            exchange.end(self._failed)
