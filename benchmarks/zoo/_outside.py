"""The world outside a script, in a process of its own that ends with the script: slow answers.

``http`` answers each GET late, ``socket`` each line sent to it, ``pipe`` each byte on its input
with a frame on its output; ``fifo`` writes a late file to a named pipe, again and again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, cast


def start(kind: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a slow partner. Isolated, so that nothing which watches the script watches it too."""
    command = [sys.executable, "-I", __file__, kind, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def start_server(kind: str, delay: float, size: int) -> int:
    """Start a ``http`` or ``socket`` server and return its port on this machine."""
    child = start(kind, delay, size)
    _kept.append(child)
    return int(cast(IO[bytes], child.stdout).readline())


_kept: list[subprocess.Popen[bytes]] = []
"""Partners end when their input closes, so a reference to it must stay."""


def _content(number: int, size: int) -> bytes:
    """Other bytes for each number, the same in every run."""
    return bytes((number * 131 + place * 7 + place * place // 3) % 251 for place in range(size))


def _http(delay: float, size: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay)
            body = b"".join(
                _content(int(part), size) for part in self.path.strip("/").split("/")[-1].split(",")
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    _ready(server.server_port)
    server.serve_forever()


def _socket(delay: float, size: int) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    _ready(server.getsockname()[1])
    stream = server.accept()[0].makefile("rwb")
    with suppress(ConnectionError):  # the script left before its last answer
        for line in stream:
            time.sleep(delay)
            stream.write(_content(int(line), size))
            stream.flush()


def _ready(port: int) -> None:
    """Say where we listen."""
    print(port, flush=True)
    _leave_with_parent()


def _leave_with_parent() -> None:
    """End as soon as our input closes."""

    def leave() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()


def _pipe(delay: float, size: int) -> None:
    number = 0
    while sys.stdin.buffer.read(1):
        time.sleep(delay)
        sys.stdout.buffer.write(_content(number, 1024) * (size // 1024))
        sys.stdout.buffer.flush()
        number += 1


def _fifo(path: str, delay: float, size: int) -> None:
    number = 0
    _leave_with_parent()
    while os.path.exists(path):
        # A reader that was about to close may have let us in: it gets the same document next time.
        with suppress(BrokenPipeError), open(path, "wb", buffering=0) as out:
            time.sleep(delay)
            out.write(_content(number, 1024) * (size // 1024))
            number += 1


if __name__ == "__main__":
    kind, first, *rest = sys.argv[1:]
    if kind == "fifo":
        _fifo(first, float(rest[0]), int(rest[1]))
    else:
        {"http": _http, "socket": _socket, "pipe": _pipe}[kind](float(first), int(rest[0]))
