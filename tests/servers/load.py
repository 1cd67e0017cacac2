"""Load on a server by real connections: each client asks again as soon as it has its answer."""

from __future__ import annotations

import http.client
import threading
import time


class Load:
    """Clients from ``start`` to ``stop``; ``answers`` counts what they got."""

    def __init__(self, port: int, clients: int) -> None:
        self.answers, self._port = 0, port
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(10)

    def _ask(self) -> None:
        while not self._stopping.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                while not self._stopping.is_set():
                    connection.request("GET", "/")
                    connection.getresponse().read()
                    with self._lock:
                        self.answers += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # not up yet, or gone, perhaps in the midst of an answer
            finally:
                connection.close()
