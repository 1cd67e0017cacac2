"""The kernel tells for how long a request lay there, and a server's requests begin when it came."""

from __future__ import annotations

import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from infprof.profiler.stints import WAITS
from infprof.profiler.web.kernel_wait import LONGEST_NS, tick_ns, waited_in_kernel
from infprof.profiler.web.wrappers import _connection_in
from tests.test_web_wrappers import Handler, recorded
from tests.test_wsgi import served

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as client:
            server, _ = listening.accept()
            with server:
                yield client, server


def waited(server: socket.socket) -> int:
    """Once the kernel's clock has ticked often enough."""
    deadline = time.monotonic() + 10
    while not waited_in_kernel(server) and time.monotonic() < deadline:
        pass
    return waited_in_kernel(server)


@on_linux
def test_what_lies_unread_waits_no_longer_than_since_it_was_sent() -> None:
    with connected() as (client, server):
        before = time.perf_counter_ns()
        client.sendall(b"x")
        told = waited(server)
        assert 0 < told < time.perf_counter_ns() - before


@on_linux
def test_new_data_waits_anew() -> None:
    with connected() as (client, server):
        client.sendall(b"x")
        longer = waited(server) + 3 * tick_ns()
        while waited_in_kernel(server) < longer:
            pass
        before = time.perf_counter_ns()
        client.sendall(b"y")
        server.recv(2)
        assert waited_in_kernel(server) <= time.perf_counter_ns() - before


def test_who_cannot_tell_has_not_waited() -> None:
    one, other = socket.socketpair()  # Unix sockets
    assert waited_in_kernel(one) == waited_in_kernel(other) == 0
    one.close()
    other.close()
    assert waited_in_kernel(one) == waited_in_kernel(None) == waited_in_kernel("no socket") == 0


@on_linux
@pytest.mark.parametrize("told", [b"", b"\xff" * 56])
def test_another_kernels_answer_is_none(told: bytes) -> None:
    class Other:
        def getsockopt(self, *_: object) -> bytes:
            return told

    assert 2**32 * 1_000_000 > LONGEST_NS
    assert waited_in_kernel(Other()) == 0


@on_linux
def test_a_request_behind_another_begins_when_it_came(tmp_path: Path) -> None:
    """A server with one thread reads the second request only after the first."""
    asked, may_go = threading.Event(), threading.Event()

    class Slow(Handler):
        def do_GET(self) -> None:  # noqa: N802
            asked.set()
            may_go.wait(10)
            self.close_connection = True
            super().do_GET()

    with recorded(tmp_path) as made, served(HTTPServer(("127.0.0.1", 0), Slow)) as port:
        first, second = (http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in "12")
        first.request("GET", "/")
        asked.wait(10)
        second.request("GET", "/")
        came = time.perf_counter_ns()
        while time.perf_counter_ns() < came + 4 * tick_ns():
            pass
        may_go.set()
        assert first.getresponse().read() == second.getresponse().read() == b"ok"
        first.close()
        second.close()
    requests, stints = made.done.requests, made.done.stints
    assert requests.start_ns[1] < requests.end_ns[0]
    behind = (stints.request == requests.number[1]) & (
        stints.wait == WAITS.index("before the server")
    )
    (row,) = behind.nonzero()[0].tolist()
    assert stints.end_ns[row] - stints.start_ns[row] >= tick_ns()
    assert stints.end_ns[row] >= requests.end_ns[0] - 1_000_000_000


@on_linux
def test_a_servers_method_is_given_a_listening_socket_too() -> None:
    """As gunicorn's sync and threaded workers call it."""
    with connected() as (client, server), socket.create_server(("127.0.0.1", 0)) as listening:
        client.sendall(b"x")
        least, listener = waited(server), SimpleNamespace(sock=listening)
        for given in (
            (None, listener, "request", server, ("127.0.0.1", 1)),
            (None, "request", SimpleNamespace(sock=server)),
        ):
            assert waited_in_kernel(_connection_in(given)) >= least > 0
    assert _connection_in((None, "request")) is None
