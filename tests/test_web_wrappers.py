"""Requests of servers that nobody marked: found by what servers call for each of them."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import make_server

import pytest

from infprof import ASGIMiddleware, WSGIMiddleware
from infprof.profiler.breakdown import by_occupancy
from infprof.profiler.recording import Phase
from infprof.profiler.request import is_open, request
from infprof.profiler.stints import NOBODY
from infprof.profiler.timeline import Timeline
from infprof.profiler.web.exchange import current
from infprof.profiler.web.wrappers import WRAPPERS
from tests.recorded import Recorded
from tests.recorded import recorded as recorded_from_its_start
from tests.test_asgi import START, body, get
from tests.test_wsgi import Silent, hello, served
from tests.test_wsgi import get as get_wsgi


@contextmanager
def recorded(folder: Path) -> Iterator[Recorded]:
    """As an agent records a program that runs already."""
    with recorded_from_its_start(folder) as made:
        made.session.joined = True
        yield made


class Handler(BaseHTTPRequestHandler):
    """Answers each GET, over one connection as long as the client likes."""

    protocol_version = "HTTP/1.1"
    seen: list[bool] = []

    def do_GET(self) -> None:  # noqa: N802
        self.seen.append(is_open())
        if self.path == "/broken":
            raise ZeroDivisionError
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None: ...


class Quiet(ThreadingHTTPServer):
    daemon_threads = False  # its threads are waited for

    def handle_error(self, *_: object) -> None: ...


def test_the_standard_librarys_server(tmp_path: Path) -> None:
    """The time in which it waits for the client's next request is none of any request."""
    Handler.seen = []
    with recorded(tmp_path) as made, served(Quiet(("127.0.0.1", 0), Handler)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        asked = list[int]()
        for _ in range(3):
            asked.append(time.perf_counter_ns())
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
        connection.request("GET", "/broken")
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()
    requests = made.done.requests
    assert Handler.seen == [True] * 4 and not is_open()
    assert requests.failed.tolist() == [False] * 3 + [True]
    assert all(start > since for start, since in zip(requests.start_ns, asked, strict=False))
    assert (requests.start_ns[1:] >= requests.end_ns[:-1]).all()


def test_what_the_program_marks_within_is_the_request(tmp_path: Path) -> None:
    marked = list[tuple[int, int]]()

    class Marking(Handler):
        def do_GET(self) -> None:  # noqa: N802
            with request("mine"):
                began = time.perf_counter_ns()
                super().do_GET()
                marked.append((began, time.perf_counter_ns()))

    with recorded(tmp_path) as made, served(Quiet(("127.0.0.1", 0), Marking)) as port:
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            connection.close()
    requests = made.done.requests
    assert len(requests) == 3 and (requests.number == NOBODY).all()
    for start, end, (began, ended) in zip(requests.start_ns, requests.end_ns, marked, strict=True):
        assert abs(start - began) < 1e9 and start <= began and end >= ended


def test_also_in_a_pools_thread(tmp_path: Path) -> None:
    outer = WRAPPERS["ASGI"](Framework.asgi)

    def work() -> None:
        with request("mine"):
            pass

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(work)
        await send(START)
        await send(body())

    async def serve(*given: Any) -> None:
        await outer(Framework(answer), *given)

    async def twice() -> None:
        await get(serve)
        await get(serve)

    with recorded(tmp_path) as made:
        asyncio.run(twice())
        assert made.session.gate.is_empty and made.session.is_marked
    requests, lanes = made.done.requests, made.done.header.lanes
    own = threading.get_native_id()
    assert [lanes[one].id == own for one in requests.lane.tolist()] == [False, False]
    made_of = by_occupancy(Timeline(made.done, phases=(Phase.COLD,))).requests[0]
    assert sum(one.exposed_ns for one in made_of.leaves.values()) == made_of.request.wall_ns


def test_a_wsgi_server(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        server: Any = make_server("127.0.0.1", 0, hello, handler_class=Silent)
        with served(server) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            connection.close()
    assert len(made.done.requests) == 1 and not made.done.requests.failed.any()


def test_a_program_that_we_started_may_have_a_server_beside(tmp_path: Path) -> None:
    with recorded_from_its_start(tmp_path) as made:
        WRAPPERS["answers"](lambda *_: None)(None, SimpleNamespace(method="GET"))
    assert not len(made.done.requests)


def test_what_is_marked_anywhere_is_all_that_counts(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        with request("mine"):
            pass
        WRAPPERS["answers"](lambda *_: None)(None, SimpleNamespace(method="GET"))
    assert len(made.done.requests) == 1


def test_a_server_is_left_alone_while_nothing_records() -> None:
    def answer(worker: object, request: object) -> object:
        assert not is_open()
        return request

    given = SimpleNamespace(method="GET")
    assert WRAPPERS["answers"](answer)(None, given) is given


def test_a_method_that_answers(tmp_path: Path) -> None:
    def answer(worker: object, request: object) -> None:
        assert is_open()
        if worker is None:
            raise KeyError("theirs")

    wrapped = WRAPPERS["answers"](answer)
    with recorded(tmp_path) as made:
        wrapped(1, SimpleNamespace(method="GET"))
        with pytest.raises(KeyError) as error:
            wrapped(None, object())
    assert made.done.requests.failed.tolist() == [False, True]
    shown = [one.name for one in traceback.extract_tb(error.value.__traceback__)]
    assert shown[-1] == "answer" and "_exchange" not in shown


class Framework:
    """As in frameworks whose applications are called."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application

    async def asgi(self, *given: Any) -> None:
        await self.application(*given)

    def wsgi(self, *given: Any) -> Iterable[bytes]:
        pieces: Iterable[bytes] = self.application(*given)
        return pieces


def test_an_applications_own_middleware_still_has_its_say(tmp_path: Path) -> None:
    """It tells its timing, and since when a request had waited; the request is counted once."""
    outer = WRAPPERS["ASGI"](Framework.asgi)
    options: Any = {"server_timing": True, "queue_header": "X-Start"}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        assert current() is not None
        await send(START)
        await send(body(b"hello"))

    app = Framework(ASGIMiddleware(answer, **options))
    since = f"t={time.time() - 1:.6f}".encode()

    async def serve(*given: Any) -> None:
        await outer(app, *given)

    with recorded(tmp_path) as made:
        sent = asyncio.run(get(serve, {"headers": [(b"x-start", since)]}))
    assert b"total;dur=" in dict(sent[0]["headers"])[b"server-timing"]
    (wall,) = (made.done.requests.end_ns - made.done.requests.start_ns).tolist()
    assert 1e9 <= wall < 60e9


def test_of_wsgi_too(tmp_path: Path) -> None:
    outer = WRAPPERS["WSGI"](Framework.wsgi)
    app = Framework(WSGIMiddleware(hello, server_timing=True, queue_header="X-Start"))

    def serve(*given: Any) -> Any:
        return outer(app, *given)

    with recorded(tmp_path) as made:
        started, text = get_wsgi(serve, {"HTTP_X_START": f"t={time.time() - 1:.6f}"})
    assert text == b"hello" and "total;dur=" in dict(started[0][1])["Server-Timing"]
    (wall,) = (made.done.requests.end_ns - made.done.requests.start_ns).tolist()
    assert 1e9 <= wall < 60e9


def test_a_server_that_runs_applications(tmp_path: Path) -> None:
    async def run(server: object, app: Any) -> Any:
        return await get(app)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        assert current() is not None
        await send(START)
        await send(body(b"hello"))

    with recorded(tmp_path) as made:
        sent = asyncio.run(WRAPPERS["runs ASGI"](run)(None, answer))
    assert sent[1]["body"] == b"hello" and len(made.done.requests) == 1


def test_failures_pass_as_they_are(tmp_path: Path) -> None:
    async def fail(app: object, *given: Any) -> None:
        raise LookupError("theirs")

    with recorded(tmp_path) as made, pytest.raises(LookupError):
        asyncio.run(get(lambda *given: WRAPPERS["ASGI"](fail)(None, *given)))
    assert made.done.requests.failed.tolist() == [True]


def test_programs_without_asyncio_stay_so() -> None:
    look = "import sys, infprof.profiler.session; print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"False\n"
