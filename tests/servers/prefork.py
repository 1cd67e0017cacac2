"""A WSGI app under gunicorn, whose workers are forked: ``prefork decode|json [workers]``."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable

import torch

from tests.servers.model import decode_picture, predict, write_much

PLANTED = os.environ.get("PLANTED", "")


def app(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
    """One request."""
    scores = predict(decode_picture() if PLANTED == "decode" else torch.rand(256))
    body = write_much(scores) if PLANTED == "json" else str(scores[:3]).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(port, flush=True)
    os.environ["PLANTED"] = sys.argv[1]
    workers = sys.argv[2] if len(sys.argv) > 2 else "2"
    command = [sys.executable, "-m", "gunicorn", "--workers", workers, "--log-level", "error"]
    os.execv(sys.executable, [*command, "--bind", f"127.0.0.1:{port}", "tests.servers.prefork:app"])
