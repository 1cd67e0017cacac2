"""A server of the standard library alone, for any Python: ``plain``. It writes too much JSON."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROWS = [{"rank": rank, "scores": [rank * 0.37] * 60} for rank in range(600)]


def write_much() -> bytes:
    """The answer, the same each time."""
    return json.dumps({"rows": ROWS}, indent=1).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers each GET."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve."""
        body = write_much()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
