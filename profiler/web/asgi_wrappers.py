"""What ASGI servers and frameworks call for each request, wrapped (``wrappers``)."""

from __future__ import annotations

import functools
from typing import Any

from infprof.profiler.web.asgi import ASGIMiddleware, Message, Receive, Send
from infprof.profiler.web.exchange import FoundExchange
from infprof.profiler.web.wrappers import Original, counts
from infprof.profiler.wrapping import hide_own_frame


class Found(ASGIMiddleware):
    """Around an application that nobody wrapped."""

    exchange = FoundExchange


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
        return await original(server, Found(app) if counts() else app)

    return call
