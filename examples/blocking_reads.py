"""A recommender asks a feature store for eight things, one after the other, and waits each time.

Wrong: eight round-trips of 5 ms in sequence (the N+1 pattern), while the CPU stands still.

EXPECT: sequential-round-trips.

Cure: issue the reads of a request together, one request ahead: while the model works on this one,
the answers for the next arrive.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "sequential-round-trips"

READS, ROUND_TRIP_SECONDS, WIDTH = 8, 0.005, 64


class Server(ThreadingHTTPServer):
    """Lets as many clients wait at its door as there are reads."""

    request_queue_size = 64


class Store(BaseHTTPRequestHandler):
    """A feature store that needs a network round-trip for each answer."""

    def do_GET(self) -> None:
        """Answer late."""
        time.sleep(ROUND_TRIP_SECONDS)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(bytes(WIDTH))

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def read(port: int, feature: int) -> Tensor:
    """One feature of the user."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/{feature}")
    data = bytearray(connection.getresponse().read())
    connection.close()
    return torch.frombuffer(data, dtype=torch.uint8)


@infprof.profile
@torch.inference_mode()
def recommend(model: nn.Module, port: int, coming: list[Future[Tensor]]) -> int:
    """What to show to a user."""
    features = []
    for index in range(READS):
        with infprof.annotate("read feature", stage="io"):
            features.append(coming[index].result() if coming else read(port, index))
    with infprof.annotate("model", stage="compute"):
        return int(model(torch.cat(features).float().repeat(512, 1)).argmax())


def main() -> None:
    """Start the store in this process, on a thread of its own, and serve requests."""
    chosen = arguments(__doc__)
    store = Server(("127.0.0.1", 0), Store)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    port, pool = store.server_port, ThreadPoolExecutor(READS)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(READS * WIDTH, 4096), nn.ReLU(), nn.Linear(4096, 2048)).eval()

    def ahead() -> list[Future[Tensor]]:
        return [pool.submit(read, port, one) for one in range(READS)] if chosen.cured else []

    following = ahead()
    for _ in range(chosen.requests):
        coming, following = following, ahead()
        recommend(model, port, coming)
    store.shutdown()


if __name__ == "__main__":
    main()
