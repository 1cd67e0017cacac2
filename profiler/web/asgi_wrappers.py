"""What ASGI servers and frameworks call for each request, wrapped (``wrappers``)."""

from __future__ import annotations

import functools
from typing import Any

from infprof.profiler.web.asgi import ASGIMiddleware, Message, Receive, Send
from infprof.profiler.web.exchange import FoundExchange
from infprof.profiler.web.kernel_wait import waited_in_kernel
from infprof.profiler.web.wrappers import Original, counts
from infprof.profiler.wrapping import hide_own_frame


class Found(ASGIMiddleware):
    """Around an application that nobody wrapped."""

    exchange = FoundExchange
    connection: object = None
    """The client's, where it is known."""

    def waited_for_loop(self) -> int:
        """Also while nobody read the request: a loop that is not blocked does so at once."""
        return max(super().waited_for_loop(), waited_in_kernel(self.connection))


def application(original: Original) -> Original:
    """An application's ``__call__``."""

    @functools.wraps(original)
    async def call(app: Any, scope: Message, receive: Receive, send: Send) -> None:
        inner = functools.partial(original, app)
        try:
            await (Found(inner) if counts() else inner)(scope, receive, send)
        except BaseException as error:
            hide_own_frame(error)
            raise

    return call


def runner(original: Original) -> Original:
    """A server's method that is given the application."""

    @functools.wraps(original)
    async def call(server: Any, app: Any) -> Any:
        if not counts():
            return await original(server, app)
        found = Found(app)
        transport = getattr(server, "transport", None)
        found.connection = transport and transport.get_extra_info("socket")
        return await original(server, found)

    return call
