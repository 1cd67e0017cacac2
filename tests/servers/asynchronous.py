"""A FastAPI app under uvicorn: ``asynchronous sleep|json|decode [workers]``."""

from __future__ import annotations

import os
import socket
import sys
import time

import torch
import uvicorn
from fastapi import FastAPI, Response

from tests.servers.model import decode_picture, predict, write_much

PLANTED = os.environ.get("PLANTED") or sys.argv[1]
app = FastAPI()


def ask_the_store() -> None:
    """A blocking call, where an awaited one belongs."""
    time.sleep(0.03)


@app.get("/")
async def serve() -> Response:
    """One request."""
    if PLANTED == "sleep":
        ask_the_store()
    values = decode_picture() if PLANTED == "decode" else torch.rand(256)
    scores = predict(values)
    return Response(write_much(scores) if PLANTED == "json" else str(scores[:3]))


if __name__ == "__main__":
    os.environ["PLANTED"] = PLANTED
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(port, flush=True)
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    uvicorn.run("tests.servers.asynchronous:app", port=port, workers=workers, log_level="error")
