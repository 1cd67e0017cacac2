"""A server with a thread for each connection: ``python threads.py decode|json|gil``."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import torch
from model import count_words, decode_picture, predict, write_much

PLANTED = sys.argv[1]


def answer() -> bytes:
    """One request."""
    values = decode_picture() if PLANTED == "decode" else torch.rand(256)
    scores = predict(values)
    return write_much(scores) if PLANTED == "json" else str(scores[:3]).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers each GET."""

    protocol_version = "HTTP/1.1"

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


if PLANTED == "gil":
    threading.Thread(target=hold_the_interpreter, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
