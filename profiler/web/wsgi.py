"""``WSGIMiddleware``: each request of a WSGI application is a request of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from infprof.profiler.request import is_open, serving
from infprof.profiler.web.arrival import waited_since
from infprof.profiler.web.exchange import FAILS, Exchange, current
from infprof.profiler.web.options import Options
from infprof.profiler.web.server_timing import HEADER, header_value
from infprof.profiler.wrapping import hide_own_frame

Environ = dict[str, Any]


class WSGIMiddleware:
    """Wraps a WSGI application, as in ``app.wsgi_app = infprof.WSGIMiddleware(app.wsgi_app)``.

    A request lasts until the server has taken the last piece of its body. ``Options`` says what the
    keywords do. While nothing records, everything passes through untouched.
    """

    exchange = Exchange

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        server_timing: bool = False,
        server_timing_header: str | None = None,
        queue_header: str | None = None,
    ) -> None:
        self.app = app
        self.options = Options(server_timing, server_timing_header, queue_header)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        if not (self.options.may_tell or serving()):
            return self.app(environ, start_response)
        header, under_way = _Headers(environ), current()
        tells = self.options.tells(header)
        if under_way is not None:
            under_way.came(waited_since(self.options.arrival(header)))
            if tells:
                under_way.heard, start_response = [], _Starter(under_way, start_response)
        if is_open() or not (tells or serving()):
            return self.app(environ, start_response)
        exchange = self.exchange(environ.get("REQUEST_METHOD"))
        exchange.heard = [] if tells else None
        exchange.begin(waited_since(self.options.arrival(header)))
        exchange.resume()
        starter = _Starter(exchange, start_response)
        try:
            body = self.app(environ, starter)
        except BaseException as error:
            exchange.end(failed=True)
            hide_own_frame(error)
            raise
        return _body(body, exchange, starter, environ)


class _Headers:
    """Looks up a request's headers."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __call__(self, name: str) -> str | None:
        value = self._environ.get("HTTP_" + name.upper().replace("-", "_"))
        return None if value is None else str(value)


class _Starter:
    """The ``start_response`` that the application gets."""

    def __init__(self, exchange: Exchange, start_response: Callable[..., Any]) -> None:
        self._exchange, self._start_response = exchange, start_response
        self.failed = False

    def __call__(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        self.failed = status[:3].isdecimal() and int(status[:3]) >= FAILS
        if self._exchange.heard is not None:
            headers = [*headers, (HEADER, header_value(self._exchange))]
        return self._start_response(status, headers, *error)


def _body(
    body: Iterable[bytes], exchange: Exchange, starter: _Starter, environ: Environ
) -> Iterable[bytes]:
    """The body, watched. A file stays one: the server may hand it to the kernel, and when that has
    sent it nobody hears of."""
    file_type = environ.get("wsgi.file_wrapper")
    if isinstance(file_type, type) and isinstance(body, file_type):
        exchange.end(starter.failed)
        return body
    kind = _SizedBody if hasattr(body, "__len__") else _Body
    return kind(body, exchange, starter)


class _Body(Iterator[bytes]):
    """A response's body; its end is the request's."""

    def __init__(self, body: Iterable[bytes], exchange: Exchange, starter: _Starter) -> None:
        self._body, self._exchange, self._starter = body, exchange, starter
        self._pieces: Iterator[bytes] | None = None

    def __next__(self) -> bytes:
        try:
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)
        except StopIteration:
            self._exchange.end(self._starter.failed)
            raise
        except BaseException:
            self._exchange.end(failed=True)
            raise

    def close(self) -> None:
        """The server is done with it; before the end of the body, the client has gone."""
        self._exchange.end(failed=True)
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def __del__(self) -> None:
        self._exchange.end(failed=True)  # of a server that forgets to close


class _SizedBody(_Body):
    """Of a body that knows its number of pieces: a server sets ``Content-Length`` for just one."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]
