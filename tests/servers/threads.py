"""A server with a thread for each connection: ``threads decode|json|gil|pool|spawn``."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context

import torch

from tests.servers.model import count_words, decode_picture, predict, write_much

PLANTED = sys.argv[1]


def prepare() -> torch.Tensor:
    """The model's input: in this thread, in one of a pool, or in a process of its own."""
    if PLANTED in ("pool", "spawn"):
        return torch.tensor(helpers.submit(decoded).result())
    return decode_picture() if PLANTED == "decode" else torch.rand(256)


def decoded() -> list[float]:
    """What a helper gives back."""
    found: list[float] = decode_picture().tolist()
    return found


def answer() -> bytes:
    """One request."""
    scores = predict(prepare())
    return write_much(scores) if PLANTED == "json" else str(scores[:3]).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers each GET."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits 40 ms for the client's word on the headers

    def do_GET(self) -> None:
        """Serve."""
        body = answer()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def hold_the_interpreter() -> None:
    """A thread that computes in Python all the time."""
    while True:
        count_words()


if __name__ == "__main__":
    if PLANTED == "gil":
        threading.Thread(target=hold_the_interpreter, daemon=True).start()
    helpers: Executor = ThreadPoolExecutor(2)
    if PLANTED == "spawn":
        helpers = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
