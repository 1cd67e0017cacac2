"""``WSGIMiddleware`` around plain WSGI applications, and behind the standard library's server."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from infprof import WSGIMiddleware, annotate
from infprof.profiler.web.exchange import current
from tests.recorded import recorded

App = Callable[[Any, Any], Iterable[bytes]]


def get(app: App, environ: dict[str, Any] | None = None) -> tuple[list[Any], bytes]:
    """What a server gets: the arguments of ``start_response``, and the body."""
    started: list[Any] = []

    def start_response(*given: Any) -> Any:
        started.append(given)

    full: dict[str, Any] = {"QUERY_STRING": "", **(environ or {})}
    setup_testing_defaults(full)
    pieces = app(full, start_response)
    try:
        return started, b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


def hello(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    with annotate("work", stage="compute"):
        return [b"hello"]


def test_each_request_is_one_request(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        for _ in range(5):
            started, body = get(WSGIMiddleware(hello))
    assert body == b"hello" and started == [("200 OK", [("Content-Type", "text/plain")])]
    assert len(made.done.requests) == 5 and not made.done.requests.failed.any()
    assert current() is None


def test_without_a_session_the_application_is_called_as_it_is() -> None:
    given: list[Any] = []

    def app(*arguments: Any) -> Iterable[bytes]:
        given.extend(arguments)
        return given[1]  # type: ignore[no-any-return]

    environ: dict[str, Any] = {"REQUEST_METHOD": "GET"}
    start: Any = print
    assert WSGIMiddleware(app)(environ, start) is start
    assert given[0] is environ and given[1] is start


def test_a_streamed_body_counts_until_its_end(tmp_path: Path) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            with annotate("piece"):
                yield b"x"

    with recorded(tmp_path) as made:
        assert get(WSGIMiddleware(app))[1] == b"xxx"
    done = made.done
    assert len(done.requests) == 1 and not done.requests.failed[0]
    assert int(done.events.end_ns.max()) <= int(done.requests.end_ns[0])


class Closing:
    """A body that fails, or not, and notes that it was closed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.closed = pieces, False

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        self.closed = True


def test_a_client_that_leaves_closes_the_body(tmp_path: Path) -> None:
    body = Closing(iter([b"a", b"b"]))
    with recorded(tmp_path) as made:
        pieces: Any = WSGIMiddleware(lambda *_: body)({}, print)
        assert next(iter(pieces)) == b"a"
        pieces.close()
        pieces.close()
    assert body.closed and made.done.requests.failed.tolist() == [True]


@pytest.mark.parametrize("where", ["call", "body"])
def test_exceptions_pass_and_count_as_failed(where: str, tmp_path: Path) -> None:
    def fails() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        if where == "call":
            raise KeyError("mine")
        return fails()

    with recorded(tmp_path) as made:
        with pytest.raises(KeyError, match="mine"):
            get(WSGIMiddleware(app))
        get(WSGIMiddleware(hello))
    assert made.done.requests.failed.tolist() == [True, False]


@pytest.mark.parametrize("status", ["500 Oops", "404 Not Found", "what?"])
def test_only_the_server_s_own_failures_count(status: str, tmp_path: Path) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return []

    with recorded(tmp_path) as made:
        get(WSGIMiddleware(app))
    assert made.done.requests.failed.tolist() == [status.startswith("5")]


def test_a_body_keeps_its_number_of_pieces_and_a_file_stays_a_file(tmp_path: Path) -> None:
    file = FileWrapper(BytesIO(b"data"))
    with recorded(tmp_path) as made:
        sized: Any = WSGIMiddleware(hello)({}, lambda *_: None)
        assert len(sized) == 1 and list(sized) == [b"hello"]
        unsized = WSGIMiddleware(lambda *_: iter([b""]))({}, print)
        assert not hasattr(unsized, "__len__")
        del unsized  # never read, never closed: it still ends
        assert current() is None
        environ = {"wsgi.file_wrapper": FileWrapper}
        assert WSGIMiddleware(lambda *_: file)(environ, print) is file
    assert made.done.requests.failed.tolist() == [False, True, False]


def test_the_wrapped_application_keeps_to_the_standard(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        for server_timing in (False, True):
            app = WSGIMiddleware(validator(hello), server_timing=server_timing)
            assert get(validator(app))[1] == b"hello"
    assert len(made.done.requests) == 2


def test_server_timing_tells_stages_to_who_may_ask() -> None:
    app = WSGIMiddleware(_staged, server_timing_header="X-Debug")
    assert dict(get(app)[0][0][1]) == {}
    headers = dict(get(app, {"HTTP_X_DEBUG": "1"})[0][0][1])
    entries = [one.partition(";dur=")[0] for one in headers["Server-Timing"].split(", ")]
    assert sorted(entries[:-1]) == ["compute", "preprocess"] and entries[-1] == "total"


def _staged(environ: Any, start_response: Any) -> Iterable[bytes]:
    with annotate("a", stage="preprocess"), annotate("b", stage="compute"):
        pass
    start_response("200 OK", [])
    return []


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = False


class Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@contextmanager
def served(server: TCPServer) -> Iterator[int]:
    with server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            serving.join()


def test_behind_a_real_server_with_threads(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        app: Any = WSGIMiddleware(hello)
        with served(make_server("127.0.0.1", 0, app, Threaded, Silent)) as port:
            url = f"http://127.0.0.1:{port}/"
            with ThreadPoolExecutor(4) as clients:
                answers = list(clients.map(lambda _: _read(url), range(12)))
    done = made.done
    assert answers == [b"hello"] * 12
    assert len(done.requests) == 12 and not done.requests.failed.any()
    lanes = dict(zip(done.requests.number.tolist(), done.requests.lane.tolist(), strict=True))
    stints = zip(done.stints.request.tolist(), done.stints.lane.tolist(), strict=True)
    assert all(lanes[number] == lane for number, lane in stints)


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        return bytes(response.read())
