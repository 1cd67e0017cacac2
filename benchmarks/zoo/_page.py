"""A server that shows the metrics page of a simulated one, and what such a page is made of.

The simulation's clock is this machine's: on each request for the page it is brought up to now, and
a minute of it has passed when the page is shown first.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Protocol

PASSED_S = 60.0
"""So much of the simulation's time is over when the page is shown first."""


class Simulated(Protocol):
    """Something that goes on in time, and tells of itself as Prometheus' text."""

    def go_on(self, until: float) -> None:
        """Let happen what happens until then, in seconds since it began."""

    def page(self) -> str:
        """What it shows now."""


class Histogram:
    """Counts of values up to each bound, as Prometheus keeps them."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = [*bounds, math.inf]
        self.counts, self.total = [0] * len(self.bounds), 0.0

    def add(self, value: float, times: int = 1) -> None:
        """The same value so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def text(self, name: str, labels: str) -> str:
        """Its lines on a page."""
        lines, so_far = [f"# HELP {name} Histogram.", f"# TYPE {name} histogram"], 0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            so_far += count
            upper = "+Inf" if math.isinf(bound) else f"{bound}"
            lines.append(f'{name}_bucket{{{labels},le="{upper}"}} {so_far}.0')
        lines += [f"{name}_count{{{labels}}} {so_far}.0", f"{name}_sum{{{labels}}} {self.total}"]
        return "\n".join(lines) + "\n"


def values(kind: str, of: Mapping[str, float], labels: str) -> str:
    """Counters or gauges on a page."""
    return "".join(
        f"# HELP {name} Value.\n# TYPE {name} {kind}\n{name}{{{labels}}} {float(value)}\n"
        for name, value in of.items()
    )


def show(simulated: Simulated) -> None:
    """Say on which port, and show the page until our input closes."""
    began = time.monotonic() - PASSED_S

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            simulated.go_on(time.monotonic() - began)
            data = simulated.page().encode()
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None: ...

    simulated.go_on(PASSED_S)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    server.serve_forever()


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)
