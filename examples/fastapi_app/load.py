"""Sends requests to the service next door from several clients at once, and times them.

Each client sends its next request when it has its answer. Standard library only.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from random import random
from statistics import median
from time import perf_counter

VALUES = 64


def client(port: int, path: str, requests: int) -> list[float]:
    """Milliseconds that each request of one client took."""
    connection, took = HTTPConnection("127.0.0.1", port, timeout=60), []
    method = "GET" if path == "/health" else "POST"
    for _ in range(requests):
        body = None if method == "GET" else json.dumps([random() for _ in range(VALUES)])
        began = perf_counter()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"the service answered {response.status}")
        took.append((perf_counter() - began) * 1000)
    connection.close()
    return took


def main() -> None:
    """Load the service, and look at its health meanwhile."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=25, help="of each client")
    chosen = parser.parse_args()
    with ThreadPoolExecutor(chosen.clients + 1) as pool:
        health = pool.submit(client, chosen.port, "/health", chosen.requests)
        clients = [
            pool.submit(client, chosen.port, "/predict", chosen.requests)
            for _ in range(chosen.clients)
        ]
        took = [one for each in clients for one in each.result()]
    print(f"/predict: median {median(took):.1f} ms, longest {max(took):.1f} ms")
    print(f"/health:  median {median(health.result()):.1f} ms")


if __name__ == "__main__":
    main()
