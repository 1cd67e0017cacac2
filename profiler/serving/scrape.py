"""Reads a server's metrics page now and then: only from the host that was asked for, no more than
so much, and never for long."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from infprof.profiler.bad_input import BadInput

LARGEST = 16 << 20
"""Bytes of a page; vLLM's with many models has 200 kB."""

TIMEOUT_S = 5.0
"""For the connection, and for each answer of the server."""

Clock = Callable[[], int]


class MetricsPage:
    """A page at an address, such as ``http://localhost:8000``, whose page is ``/metrics``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"{url}: not an address; say http://HOST:PORT")
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self._host, self._port, self._scheme = parts.hostname, parts.port, parts.scheme
        self._path = (parts.path if parts.path not in ("", "/") else "/metrics") + (
            f"?{parts.query}" if parts.query else ""
        )

    def read(self) -> str:
        """The page's text. Raises ``BadInput``."""
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        connection = kinds[self._scheme](self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", self._path, headers={"Accept": "text/plain"})
            answer = connection.getresponse()
            if answer.status != http.client.OK:  # a redirect may lead anywhere: it is not followed
                raise BadInput(
                    f"{self.name}{self._path}: answers {answer.status} {answer.reason};"
                    " name the address of its metrics page"
                )
            data: bytes = answer.read(LARGEST + 1)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise BadInput(f"{self.name}: does not answer ({reason}); is the server up?") from error
        finally:
            connection.close()
        if len(data) > LARGEST:
            raise BadInput(f"{self.name}: its page is longer than {LARGEST >> 20} MiB")
        return data.decode("utf-8", "replace")


def watch(
    page: MetricsPage,
    seconds: float,
    every: float,
    wait: Callable[[float], object] = time.sleep,
    goes_on: Callable[[bool], bool] = bool,
) -> tuple[list[str], int]:
    """The page's texts from now on, and how long passed between the first and the last, ns.

    ``goes_on`` may end it sooner or later: it is told again and again whether there is time left. A
    page that fails in between is left out; raises ``BadInput`` if the first or the last does.
    """
    texts, began = [page.read()], time.monotonic_ns()
    seen, until = began, began + int(seconds * 1e9)
    while goes_on((left := until - time.monotonic_ns()) > 0):
        wait(min(every, left / 1e9) if left > 0 else every)
        try:
            texts.append(page.read())
            seen = time.monotonic_ns()
        except BadInput:
            if not goes_on(time.monotonic_ns() < until):
                raise
    if len(texts) == 1:  # ended at once: one page alone counts since the server began
        texts.append(page.read())
        seen = time.monotonic_ns()
    return texts, seen - began
